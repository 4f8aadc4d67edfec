"""Data sets that come with scikit-learn, each from the function load_… of sklearn.datasets."""

from chainrule.datasets.columns import Data, columns, labeled


def digits() -> Data:
    """Handwritten digits, 1797 images of 8 by 8 pixels.

    Returns
    -------
    X : array of shape (64, 1797), the pixels, row by row, from 0 to 1 (the original values divided by 16)
    Y : array of shape (10, 1797)
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return labeled(pixels / 16, labels)


def iris() -> Data:
    """Three species of iris, 50 plants of each: setosa, versicolor, virginica.

    Returns
    -------
    X : array of shape (4, 150), sepal length, sepal width, petal length and petal width, in cm
    Y : array of shape (3, 150)
    """
    from sklearn.datasets import load_iris

    return labeled(*load_iris(return_X_y=True))


def wine() -> Data:
    """Three cultivars of wine, by chemical analysis.

    Returns
    -------
    X : array of shape (13, 178), the measurements as they are: from a few tenths to more than a thousand
    Y : array of shape (3, 178)
    """
    from sklearn.datasets import load_wine

    return labeled(*load_wine(return_X_y=True))


def breast_cancer() -> Data:
    """Tumors of the breast, by measurements of cell nuclei: class 0 is malignant, class 1 benign.

    Returns
    -------
    X : array of shape (30, 569), the measurements as they are
    Y : array of shape (1, 569)
    """
    from sklearn.datasets import load_breast_cancer

    return labeled(*load_breast_cancer(return_X_y=True))


def diabetes() -> Data:
    """Regression: how far diabetes has progressed after one year, from 25 to 346.

    Each input is centered, and its squares sum to 1.

    Returns
    -------
    X : array of shape (10, 442), age, sex, body mass index, blood pressure and six blood values
    Y : array of shape (1, 442)
    """
    from sklearn.datasets import load_diabetes

    return columns(*load_diabetes(return_X_y=True))
