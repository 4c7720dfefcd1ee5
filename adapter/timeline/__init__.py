"""One patient's facts, ordered, and the questions that an evaluator may ask of them."""
