"""The adapter's own memory: a small database that sync and service share and that may be lost without harm."""

from adapter.state.database import State, open_state

__all__ = ["State", "open_state"]
