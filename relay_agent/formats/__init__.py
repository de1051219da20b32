"""What is exempt, in the forms that programs other than Postfix read; chosen for each relay."""

from relay_agent.formats.installing import FormatsError, install_formats
from relay_agent.formats.kinds import Format
from relay_agent.formats.known import FORMATS, find_format

__all__ = ["FORMATS", "Format", "FormatsError", "find_format", "install_formats"]
