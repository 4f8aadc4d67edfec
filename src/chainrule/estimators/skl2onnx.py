"""How skl2onnx finds the converter of a model of chainrule: it asks the model.

skl2onnx asks an object that has these three methods before it looks for what is registered for its class. So nothing
has to be registered, and a converter for scikit-learn's networks, which reads coefs_ and knows nothing of `normalize`
and `scale_target`, is not taken where somebody has registered it.
"""

from importlib import import_module
from typing import Any


def _converter() -> Any:
    return import_module("chainrule.exporting.skl2onnx")  # by its name: that room stands above this one


class ForSkl2onnx:
    """What skl2onnx asks an object that converts itself."""

    def onnx_parser(self) -> Any:
        """What skl2onnx asks for the outputs of this model in an ONNX graph.

        Returns
        -------
        function
            It declares them: see `chainrule.exporting.skl2onnx`.
        """
        return _converter().parser_of(self)

    def onnx_shape_calculator(self) -> Any:
        """What skl2onnx asks for the types and shapes of these outputs.

        Returns
        -------
        function
            It says them.
        """
        return _converter().shapes

    def onnx_converter(self) -> Any:
        """What skl2onnx asks for the operators of this model.

        Returns
        -------
        function
            It adds them to the graph.
        """
        return _converter().convert
