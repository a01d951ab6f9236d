"""A provider from a mirror on disk: versions, aliases, lock files, functions, data sources."""

from tests.configurations.case import APPLY, DESTROY, PLAN, TOFU, Case, Round, case, matrix_case

_NEEDED = """
    terraform {
      required_providers {
        time = {
          source  = "hashicorp/time"
          version = "VERSION"
        }
      }
    }
"""
_TIME = _NEEDED.replace("VERSION", "~> 0.14.0")
_STATIC = """
    resource "time_static" "a" { rfc3339 = "2024-01-02T03:04:05Z" }
    output "unix" { value = time_static.a.unix }
"""
_OFFSET = (
    _TIME
    + """
resource "time_offset" "a" {
  base_rfc3339 = "2024-01-01T00:00:00Z"
  offset_hours = 1
  triggers     = { version = "one" }
}
"""
)

CASES: tuple[Case, ...] = (
    case("time-static", _TIME + _STATIC, rounds=(APPLY, DESTROY)),
    matrix_case("provider-without-its-declaration", _STATIC),
    case(
        "provider-of-modules",
        _TIME + 'provider "time" { alias = "other" }\n'
        """
        module "inside" {
          source    = "./inside"
          providers = { time.given = time.other }
        }
        output "inside" { value = module.inside.offset }
        """,
        more={
            "inside/main.tf": """
                terraform {
                  required_providers {
                    time = {
                      source                = "hashicorp/time"
                      configuration_aliases = [time.given]
                    }
                  }
                }
                resource "time_offset" "a" {
                  provider     = time.given
                  base_rfc3339 = "2024-01-31T00:00:00Z"
                  offset_days  = 30
                }
                output "offset" { value = time_offset.a.rfc3339 }
            """
        },
    ),
    matrix_case(
        "provider-functions",
        _TIME
        + 'output "parsed" { value = provider::time::rfc3339_parse("2024-01-02T03:04:05Z") }\n'
        + 'output "duration" { value = provider::time::duration_parse("1h30m").minutes }\n',
    ),
    matrix_case(
        "replaced-by-a-trigger", _OFFSET, rounds=(APPLY, Round(files={"main.tf": _OFFSET.replace("one", "two")}))
    ),
    matrix_case(
        "imported-by-a-provider",
        _TIME
        + """
            import {
              to = time_static.a
              id = "2024-01-02T03:04:05Z"
            }
            resource "time_static" "a" { rfc3339 = "2024-01-02T03:04:05Z" }
            output "year" { value = time_static.a.year }
        """,
        rounds=(APPLY, PLAN),
    ),
    matrix_case(
        "time-sleep",
        _TIME
        + """
            resource "time_sleep" "a" {
              create_duration = "1ms"
              triggers = { x = "y" }
            }
            output "x" { value = time_sleep.a.triggers.x }
        """,
    ),
    matrix_case("provider-version-that-is-not-there", _NEEDED.replace("VERSION", "0.1.99") + _STATIC),
    matrix_case("argument-that-the-provider-refuses", _TIME + 'resource "time_offset" "a" { offset_days = "x" }\n'),
    matrix_case(
        "provider-that-is-removed",
        _TIME + _STATIC,
        rounds=(APPLY, Round(files={"main.tf": 'output "left" { value = 1 }\n'}), PLAN),
    ),
    Case(
        name="provider-for-each",
        programs=(TOFU,),
        files={
            "main.tf": _TIME
            + """
            locals { regions = toset(["a", "b"]) }
            provider "time" {
              alias    = "by"
              for_each = local.regions
            }
            resource "time_static" "a" {
              for_each = local.regions
              provider = time.by[each.key]
              rfc3339  = "2024-01-02T03:04:05Z"
            }
            """
        },
    ),
)
