"""ONNX files as ONNX Runtime runs them, beside what the model itself says."""

import numpy as np

import chainrule as cr


def session(path="model.onnx"):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def exported(model, inputs, **options):
    """The outputs by name that ONNX Runtime computes; `inputs` is a matrix or a dict of columns."""
    written = cr.export_onnx(model, "model.onnx", **options)
    run = session()
    inputs = inputs if isinstance(inputs, dict) else {"X": inputs}
    assert {port.name for port in written.inputs} == set(inputs)
    for told, known in ((written.inputs, run.get_inputs()), (written.outputs, run.get_outputs())):
        types = [p.type if p.type.startswith("seq(") else f"tensor({p.type})" for p in told]
        assert [(p.name, kind, list(p.shape)) for p, kind in zip(told, types, strict=True)] == [
            (p.name, p.type, p.shape) for p in known
        ]
    names = [port.name for port in run.get_outputs()]
    found = dict(zip(names, run.run(None, inputs), strict=True))
    for port in written.outputs:  # the shapes that were promised
        assert not port.shape or found[port.name].shape[1:] == port.shape[1:]
    return found


def same_classes(model, X, inputs=None, bound=1e-5, **options):
    """Labels equal in every row; the largest difference of a probability, which is within the bound."""
    found = exported(model, X if inputs is None else inputs, **options)
    np.testing.assert_array_equal(found["label"], model.predict(X))
    expected = model.predict_proba(X)
    assert found["probabilities"].shape == expected.shape
    difference = float(np.abs(found["probabilities"] - expected).max())
    assert difference <= bound
    return difference


def same_numbers(model, X, inputs=None, bound=1e-5, **options):
    """Predictions that agree to `bound` of their spread."""
    found = exported(model, X if inputs is None else inputs, **options)["prediction"]
    expected = model.predict(X)
    expected = expected.reshape(len(expected), -1)
    assert found.shape == expected.shape
    difference = float((np.abs(found - expected) / (expected.std(axis=0) + 1e-30)).max())
    assert difference <= bound
    return difference
