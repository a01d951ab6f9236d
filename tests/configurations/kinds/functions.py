"""Functions, templates and expressions."""

from tests.configurations.case import Case, case, matrix_case

CASES: tuple[Case, ...] = (
    matrix_case(
        "functions-of-texts",
        r"""
        output "all" {
          value = [
            format("%05.2f|%-5s|%q|%#v", 3.14159, "a", "b\"c", { x = [1] }), formatlist("%s!", ["a", "b"]),
            regex("(?P<y>\\d{4})-(?P<m>\\d\\d)", "2024-05"), regexall("[a-z]", "a1b2"), replace("a.b.c", "/\\./", "-"),
            split(",", "a,,b"), join("-", ["a", "b"]), trimspace("  x "), title("some words"), substr("grüße", 2, 3),
            strrev("äb"), indent(2, "a\nb"), chomp("a\n"), startswith("abc", "ab"), upper("ß"),
          ]
        }
        """,
    ),
    matrix_case(
        "functions-of-collections",
        """
        output "all" {
          value = [
            merge({ a = 1 }, { b = 2, a = 3 }), setproduct(["a", "b"], [1, 2]), zipmap(["x", "y"], [1, 2]),
            lookup({ a = 1 }, "b", 0), coalesce("", "c"), coalescelist([], [1]), chunklist([1, 2, 3], 2),
            distinct([1, 2, 1]), sort(["b", "a", "C"]), transpose({ a = ["x"], b = ["x", "y"] }),
            keys({ b = 1, a = 2 }), element(["a", "b"], 3), contains(["a"], "a"), setsubtract(["a", "b"], ["a"]),
            range(0, 1, 0.25), sum([1, 2.5]), try(tonumber("x"), "no number"), can(tonumber("x")),
            alltrue([true, false]),
            max(1, 3, 2), one([]),
          ]
        }
        """,
    ),
    matrix_case(
        "functions-of-encodings",
        """
        output "all" {
          value = [
            base64encode("ü"), base64decode("w7w="), base64gzip("") != "", jsonencode({ b = [1, null], a = "<&>" }),
            jsondecode("{\\"a\\": [1.0, 1e2]}"), yamlencode({ a = [1, { b = "x: y" }] }),
            yamldecode("a: [1, two, null]"), csvdecode("a,b\\n1,2\\n"), urlencode("a b&ü"),
            md5("a"), sha256("a"), sha1("a"),
            filesha256("${path.module}/x.txt"), textencodebase64("ü", "UTF-16LE"), parseint("ff", 16),
            bcrypt("a") != "", uuidv5("dns", "example.org"),
          ]
        }
        """,
        more={"x.txt": "content\n"},
    ),
    matrix_case(
        "functions-of-networks-and-dates",
        """
        output "all" {
          value = [
            cidrsubnet("10.0.0.0/8", 8, 2), cidrhost("10.1.0.0/16", -2), cidrsubnets("10.0.0.0/16", 4, 8),
            cidrnetmask("10.0.0.0/9"), cidrsubnet("fd00::/32", 16, 5),
            formatdate("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "2024-01-02T03:04:05Z"),
            timeadd("2024-01-02T03:04:05Z", "36h10m"), timecmp("2024-01-02T03:04:05Z", "2024-01-02T04:04:05+01:00"),
            ceil(1.2), floor(-1.2), log(8, 2), pow(2, 100), signum(-3), abs(-0.5),
          ]
        }
        """,
    ),
    case(
        "files-and-templates",
        """
        resource "terraform_data" "hosts" {
          input = templatefile("${path.module}/templates/hosts.tftpl", { hosts = { a = 1, b = 2 }, title = "ü" })
        }
        locals { text = file("${path.module}/templates/text.tpl") }
        output "hosts" { value = terraform_data.hosts.output }
        output "all" {
          value = [
            fileset(path.module, "**/*.{tftpl,tpl}"), fileexists("${path.module}/none"), filemd5("templates/text.tpl"),
            templatestring(local.text, { name = "x" }), basename("a/b.c"), dirname("a/b.c"), path.module, path.root,
          ]
        }
        """,
        more={
            "templates/hosts.tftpl": """
                # ${title}
                %{ for name, n in hosts ~}
                ${name} 10.0.0.${n}
                %{ endfor ~}
                %{ if true }end%{ else }no%{ endif }
            """,
            "templates/text.tpl": "hello ${name}",
        },
    ),
    matrix_case(
        "heredocs-and-templates",
        """
        locals {
          name = "x"
          text = <<-EOT
            first ${local.name}
              second $${kept} %%{kept}
            %{~ for n in [1, 2] ~}
            n${n}
            %{~ endfor ~}
          EOT
          raw  = <<EOT
          a
            indented
        EOT
        }
        output "all" { value = [local.text, local.raw, "${"nested ${"deep"}"}"] }
        """,
    ),
    matrix_case(
        "a-name-that-is-not-there",
        'output "a" { value = local.none }\noutput "b" { value = terraform_data.none.id }\n',
    ),
    case("brackets-that-do-not-close", 'output "a" { value = [1, 2 }\n'),
    matrix_case("division-by-nothing", 'locals { none = 0 }\noutput "a" { value = 1 / local.none }\n'),
)
