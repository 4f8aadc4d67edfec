"""Inputs that a person can read: numbers standardized, an input of 0 or 1 for each category."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as chain
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.tabular.calendar import DateParts
from chainrule.tabular.plan import Plan
from chainrule.tabular.roles import WORD, text_step
from chainrule.tabular.transformers import Columns

MOST_CATEGORIES, MOST_WORDS = 12, 20  # inputs of one column; beyond them, "other"; chosen
_COLORS = {1: ("",), 3: (" red", " green", " blue"), 4: (" red", " green", " blue", " alpha")}


def plain_inputs(plan: Plan, rows: int) -> Pipeline:
    """The unfitted work on the columns of a plan, with as few inputs as say what is in them, and each with a meaning.

    That of `make_pipeline` has more, from which a network learns better: bins of numbers, statistics of categories.

    rows: how many it will be fitted to. `input_names` says what each input is. Not for pixels, which stay as they are.
    """
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    if not plan.columns:
        return Pipeline([("filled", filled), ("inputs", StandardScaler())])

    def named(*roles: str) -> list[str]:
        return [column.name for column in plan.used if column.role in roles]

    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=max(3, rows // 1000),
        max_categories=MOST_CATEGORIES,
        sparse_output=False,
    )
    steps: list[tuple[str, Any, Any]] = [
        ("number", chain(filled, StandardScaler()), named("number")),
        ("boolean", SimpleImputer(strategy="most_frequent", keep_empty_features=True), named("boolean")),
        ("missing", MissingIndicator(error_on_new=False), named("number", "boolean")),
        ("presence", "passthrough", named("presence")),
        ("category", one_hot, named("category")),
        ("date", chain(DateParts(cyclic=True), StandardScaler()), named("date")),
        *((text_step(name), _words(), name) for name in named("text")),
    ]
    roles = {column.name: column.role for column in plan.used}
    formats = {column.name: column.format for column in plan.used if column.format}
    inputs = ColumnTransformer([step for step in steps if len(step[2])], sparse_threshold=0)
    return Pipeline([("columns", Columns(roles, formats)), ("inputs", inputs)])


def _words() -> TfidfVectorizer:
    """Whether each of the most frequent words is there."""
    return TfidfVectorizer(max_features=MOST_WORDS, binary=True, use_idf=False, norm=None, token_pattern=WORD)


def input_names(plan: Plan, preparation: Any) -> list[str]:
    """What each input of a fitted preparation is, of `plain_inputs` or of `make_pipeline`: Age, Sex = female."""
    if plan.image_shape is not None:
        height, width, channels = plan.image_shape
        colors = _COLORS.get(channels, [f" {c}" for c in range(channels)])
        return [f"pixel {r},{c}{color}" for r in range(height) for c in range(width) for color in colors]
    if not plan.columns:
        return [f"x{name.removeprefix('x')}" for name in map(str, preparation.get_feature_names_out())]
    inputs, found = preparation.named_steps["inputs"], []
    for name, step, given in inputs.transformers_:
        columns = [given] if isinstance(given, str) else list(given)
        part = inputs.output_indices_[name]
        if part.stop > part.start:
            found += _names(name, step, columns)
    return found


def _names(name: str, step: Any, columns: list[str]) -> list[str]:
    """What a step makes of its columns."""
    if name == "missing":
        return [f"{columns[i]} missing" for i in step.features_]
    if name == "presence":
        return [f"{column} given" for column in columns]
    if name == "category":
        return _categories(step, columns)
    if name.startswith("text "):
        return [f"{columns[0]}: {word}" for word in step.get_feature_names_out()]
    if name == "statistics":
        outputs = step.get_feature_names_out()
        if len(outputs) == len(columns):
            return [f"{column} by target" for column in columns]
        return [f"{column} by target = {label}" for column in columns for label in step[0].classes_]
    mark = "missingindicator_"
    names = [str(each) for each in step.get_feature_names_out()]
    return [f"{each.removeprefix(mark)} missing" if each.startswith(mark) else each for each in names]


def _categories(step: Any, columns: list[str]) -> list[str]:
    found = []
    for column, known, rare in zip(columns, step.categories_, step.infrequent_categories_, strict=True):
        few = [] if rare is None else list(rare)
        together = few if len(few) == 1 else ["other"] * bool(few)
        words = [*(str(word) for word in known if word not in few), *together]
        found += [f"{column} = {word}" if word else f"{column} missing" for word in words]
    return found
