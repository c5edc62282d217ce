"""Results of runs: listed, compared, traced, and as one HTML file. Knows no trainer."""

from penstock.report.compare import Candidate, Comparison, compare
from penstock.report.page import write_data_report, write_report
from penstock.report.results import ResultRow, results
from penstock.report.tables import comparison_cells, to_latex
from penstock.report.trace import TraceNode, trace

__all__ = [
    "Candidate",
    "Comparison",
    "ResultRow",
    "TraceNode",
    "compare",
    "comparison_cells",
    "results",
    "to_latex",
    "trace",
    "write_data_report",
    "write_report",
]
