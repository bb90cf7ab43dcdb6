"""Process models of others: BPMN 2.0 diagrams and Prosimos scenarios are read into scenarios; BPMN is written, too."""

from salessim.exchange.bpmn import Imported, import_bpmn
from salessim.exchange.prosimos import import_prosimos
from salessim.exchange.remarks import Remark

__all__ = ["Imported", "Remark", "import_bpmn", "import_prosimos"]
