"""What the search finds first: the words that people look for lead to the pages that answer them.

Sphinx ranks entries of the index above all else, so each page is given its words as such entries. Pages that hold every
word there is, and answer nothing, are not searched.
"""

from docutils import nodes
from sphinx.application import Sphinx

SILENT = ("generated/project/CHANGELOG", "quiz")

CLASSIFIER, NETWORK = "generated/reference/chainrule.MLPClassifier", "generated/reference/chainrule.Network"
REGRESSOR, DIAGNOSIS = "generated/reference/chainrule.MLPRegressor", "generated/reference/chainrule.diagnose"
GALLERY = "generated/gallery/plot_"

# What somebody types → the pages that answer.
WORDS = {
    "activation function": ("reference/functions", f"{GALLERY}activations"),
    "adam": ("generated/reference/chainrule.Adam", "reference/steps"),
    "backpropagation": ("tutorial/3-one-hidden-layer", "tutorial/4-l-layers", "notation"),
    "batch size": (NETWORK, "tutorial/5-making-it-train"),
    "calibration": ("tables-answers", "generated/reference/chainrule.plots.calibration"),
    "categorical": ("tables",),
    "changelog": ("project",),
    "checkpoint": ("long-runs", "generated/reference/chainrule.Checkpoint"),
    "class imbalance": (f"{GALLERY}class_weights", "tables-answers"),
    "class weight": (f"{GALLERY}class_weights", CLASSIFIER),
    "classification": (CLASSIFIER, "tables", "generated/reference/chainrule.TabularClassifier"),
    "confidence interval": ("tables-answers",),
    "confusion matrix": ("generated/reference/chainrule.plots.confusion", "tables-answers"),
    "cost function": ("reference/functions", "notation"),
    "cross-entropy": ("reference/functions",),
    "cross-validation": ("coming-from/scikit-learn", "many", "command-line"),
    "csv": ("tables",),
    "cuda": ("jax",),
    "dead units": (DIAGNOSIS, "working"),
    "dropout": (NETWORK, CLASSIFIER, f"{GALLERY}regularization"),
    "early stopping": (CLASSIFIER, NETWORK, f"{GALLERY}validation"),
    "epochs": (NETWORK, CLASSIFIER),
    "excel": ("tables",),
    "exploding gradients": (DIAGNOSIS, f"{GALLERY}initial_weights"),
    "feature importance": ("tables-answers", f"{GALLERY}importance"),
    "gpu": ("jax",),
    "gradient checking": ("generated/reference/chainrule.check_gradients", "tutorial/2-shapes-and-checks"),
    "gradient clipping": (NETWORK,),
    "gradient descent": ("generated/reference/chainrule.GradientDescent", "tutorial/1-one-neuron"),
    "grid search": ("many", "generated/reference/chainrule.GridSearchCV"),
    "he initialization": ("notation", "reference/functions"),
    "hyperparameters": ("many", "tools/optuna"),
    "installation": ("install",),
    "keras": ("coming-from/keras", "convert"),
    "l2 regularization": (NETWORK, f"{GALLERY}regularization"),
    "learning rate": ("reference/steps", "tutorial/5-making-it-train"),
    "learning rate schedule": ("reference/steps",),
    "linear regression": (REGRESSOR, "tutorial/1-one-neuron"),
    "load a model": ("model-files", "generated/reference/chainrule.load"),
    "logistic regression": ("tutorial/1-one-neuron", CLASSIFIER),
    "loss function": ("reference/functions", f"{GALLERY}own_loss"),
    "mean squared error": ("reference/functions", REGRESSOR),
    "memory error": ("troubleshooting", "tables-large"),
    "mini-batch": (NETWORK, "tutorial/5-making-it-train"),
    "missing values": ("tables",),
    "momentum": ("reference/steps", "generated/reference/chainrule.Momentum"),
    "mse": ("reference/functions", REGRESSOR),
    "multi-class": ("reference/functions", CLASSIFIER),
    "multi-label": (CLASSIFIER, "convert"),
    "nan": ("troubleshooting", "errata/numbers"),
    "normalization": (NETWORK, "tutorial/5-making-it-train"),
    "not learning": ("troubleshooting", DIAGNOSIS, f"{GALLERY}why_it_does_not_learn"),
    "optimizer": ("reference/steps",),
    "out of memory": ("troubleshooting", "tables-large", "blocks"),
    "overfitting": (f"{GALLERY}regularization", f"{GALLERY}validation"),
    "pytorch": ("coming-from/pytorch", "convert"),
    "regression": (REGRESSOR, "tables", "generated/reference/chainrule.TabularRegressor"),
    "regularization": (f"{GALLERY}regularization", NETWORK),
    "quiz": ("quiz-own", "learn"),
    "reproducibility": ("reproducibility",),
    "release notes": ("project",),
    "save a model": ("model-files", "generated/reference/chainrule.save"),
    "scaling": ("tutorial/5-making-it-train", CLASSIFIER),
    "seed": ("reproducibility",),
    "sigmoid": ("generated/reference/chainrule.activations.sigmoid", "reference/functions"),
    "slow": ("troubleshooting", "performance"),
    "softmax": ("generated/reference/chainrule.activations.softmax", "reference/functions"),
    "troubleshooting": ("troubleshooting",),
    "uncertainty": ("tables-answers", f"{GALLERY}uncertainty"),
    "validation set": (f"{GALLERY}validation", NETWORK),
    "vanishing gradients": (DIAGNOSIS, f"{GALLERY}initial_weights"),
    "weight decay": ("generated/reference/chainrule.AdamW", NETWORK),
    "weight initialization": ("reference/functions", "notation"),
    "xavier initialization": ("notation", "reference/functions"),
}


def words(page: str) -> list[str]:
    """The words of a page."""
    return [word for word, pages in WORDS.items() if page in pages]


def read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the words of a page at its head, as main entries: the search shows the others last."""
    if not (found := words(docname)):
        return
    entries = ", ".join(f"! {word}" for word in found)
    is_markdown = str(app.env.doc2path(docname)).endswith(".md")
    form = "```{{index}} {}\n```\n\n" if is_markdown else ".. index:: {}\n\n"
    content[0] = form.format(entries) + content[0]


def silence(app: Sphinx, tree: nodes.document) -> None:
    """Leave a page out of the search."""
    if app.env.docname in SILENT:
        app.env.metadata[app.env.docname]["nosearch"] = "true"


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", read)
    app.connect("doctree-read", silence)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
