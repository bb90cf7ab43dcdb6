"""A process describes itself: as a procedure to read (Markdown) and as a flow chart (SVG, Mermaid, DOT).

`procedure` writes the text, `chart` turns a scenario into boxes and arrows, `layout` places them, and `svg`,
`mermaid` and `dot` draw. BPMN is written in `salessim.exchange.bpmn_write`, on the same layout.
"""

from salessim.describing.describe import FORMATS, describe, language_of

__all__ = ["FORMATS", "describe", "language_of"]
