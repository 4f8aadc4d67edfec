"""What can be said of every picture: its words can be read."""

from itertools import combinations

import pytest


def assert_readable(figure):
    """Every text is inside the figure, and none lies over another."""
    import matplotlib.text

    drawn, draw = [], matplotlib.text.Text.draw
    with pytest.MonkeyPatch.context() as patch:  # ticks outside the limits are there, but not drawn
        patch.setattr(matplotlib.text.Text, "draw", lambda text, *given: (drawn.append(text), draw(text, *given)))
        figure.draw_without_rendering()
    boxes = [
        (text.get_text(), text.get_window_extent()) for text in drawn if text.get_visible() and text.get_text().strip()
    ]
    assert boxes
    whole = figure.bbox.padded(1)
    for text, box in boxes:
        assert whole.containsx(box.x0), text
        assert whole.containsx(box.x1), text
        assert whole.containsy(box.y0), text
        assert whole.containsy(box.y1), text
    for (one, a), (other, b) in combinations(boxes, 2):
        across, up = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1 or up < 1, f"{one!r} lies over {other!r}"
