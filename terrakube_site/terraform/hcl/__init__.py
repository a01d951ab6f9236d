"""HCL expressions as terraform and tofu accept them for the value of a variable; standard library only."""

from terrakube_site.terraform.hcl.expressions import check_expression, texts_in
from terrakube_site.terraform.hcl.faults import Fault

__all__ = ["Fault", "check_expression", "texts_in"]
