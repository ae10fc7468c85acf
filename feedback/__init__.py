"""Turn a report into blame, spans and one reward per token. This needs numpy and not torch (docs/architecture.md)."""

from feedback.completions import COMPLETION_FORMATS, CompletionFormat, WrittenProgram
from feedback.records import COMPONENTS, Blame, Category, Contribution, Feedback, FinishReason, Rewards
from feedback.rewards import RewardSettings, assess, summed
from feedback.scorer import Scorer
from feedback.serialisation import to_json
from feedback.spans import token_range
from feedback.taxonomy import Taxonomy, TaxonomyError, load_taxonomy
from feedback.tokens import extract_program, token_bytes, token_offsets

__all__ = [
    "COMPLETION_FORMATS",
    "COMPONENTS",
    "Blame",
    "Category",
    "CompletionFormat",
    "Contribution",
    "Feedback",
    "FinishReason",
    "RewardSettings",
    "Rewards",
    "Scorer",
    "Taxonomy",
    "TaxonomyError",
    "WrittenProgram",
    "assess",
    "extract_program",
    "load_taxonomy",
    "summed",
    "to_json",
    "token_bytes",
    "token_offsets",
    "token_range",
]
