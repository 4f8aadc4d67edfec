"""Data sets that come with scikit-learn."""

from chainrule.datasets.columns import Data, columns, labeled


def digits() -> Data:
    """Handwritten digits, 1797 images of 8 by 8 pixels.

    Returns
    -------
    X : array of shape (64, 1797)
        The pixels, row by row, from 0 to 1 (the original values divided by 16).
    Y : array of shape (10, 1797)
        One-hot: row k is 1 where the digit is k.

    References
    ----------
    sklearn.datasets.load_digits
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return labeled(pixels / 16, labels)


def iris() -> Data:
    """Three species of iris, 50 plants of each.

    Returns
    -------
    X : array of shape (4, 150)
        Sepal length, sepal width, petal length and petal width, in cm.
    Y : array of shape (3, 150)
        One-hot: setosa, versicolor, virginica.

    References
    ----------
    sklearn.datasets.load_iris
    """
    from sklearn.datasets import load_iris

    return labeled(*load_iris(return_X_y=True))


def wine() -> Data:
    """Three cultivars of wine, by chemical analysis.

    Returns
    -------
    X : array of shape (13, 178)
        The quantities measured, as they are: from a few tenths to more than a thousand.
    Y : array of shape (3, 178)
        One-hot: the cultivar.

    References
    ----------
    sklearn.datasets.load_wine
    """
    from sklearn.datasets import load_wine

    return labeled(*load_wine(return_X_y=True))


def breast_cancer() -> Data:
    """Tumors of the breast, by measurements of cell nuclei.

    Returns
    -------
    X : array of shape (30, 569)
        The measurements, as they are.
    Y : array of shape (1, 569)
        0 for malignant, 1 for benign.

    References
    ----------
    sklearn.datasets.load_breast_cancer
    """
    from sklearn.datasets import load_breast_cancer

    return labeled(*load_breast_cancer(return_X_y=True))


def diabetes() -> Data:
    """Regression: how far diabetes has progressed after one year.

    Returns
    -------
    X : array of shape (10, 442)
        Age, sex, body mass index, blood pressure and six blood values; each centered, with squares that sum to 1.
    Y : array of shape (1, 442)
        The progression, from 25 to 346.

    References
    ----------
    sklearn.datasets.load_diabetes
    """
    from sklearn.datasets import load_diabetes

    return columns(*load_diabetes(return_X_y=True))
