"""Tell-apart cards: what was read about the conditions of the classes, each fact with its source. One YAML a crop."""

from hvit.data.conditions.cards import Condition, Fact, LookAlike, Pathogen, Source
from hvit.data.conditions.reader import ConditionError, condition_of, read_conditions

__all__ = ["Condition", "ConditionError", "Fact", "LookAlike", "Pathogen", "Source", "condition_of", "read_conditions"]
