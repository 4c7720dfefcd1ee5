"""The adapter's own memory: a small database that sync and service share and that may be lost without harm."""

from adapter.state.database import State, in_memory, open_state

__all__ = ["State", "in_memory", "open_state"]
