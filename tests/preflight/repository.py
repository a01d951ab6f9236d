"""A repository with a clean configuration, and one trap or several in each other folder."""

from __future__ import annotations

import json
from pathlib import Path

from tests.agent.git_server import Repository

LAST = "\U0010ffff" * 60 + "_override.tf"
FILES: dict[str, dict[str, str]] = {
    "clean": {
        "main.tf": """terraform {
  required_version = ">= 1.5, < 2.0"
  required_providers {
    time = {
      source  = "hashicorp/time"
      version = "~> 0.14.0"
    }
  }
}
module "net" {
  source = "./net"
}
variable "region" {
  type = string
}
variable "zones" {
  type = list(string)
}
variable "size" {
  default = 1
}
variable "from_file" {}
variable "from_environment" {}
""",
        "net/main.tf": 'variable "inner" { default = "x" }\n',
        "terraform.tfvars": 'from_file = "x"\n',
    },
    "state": {
        "main.tf": 'terraform {\n\n  backend "s3" {\n    bucket = "b"\n  }\n}\n',
        "cloud_override.tf": 'terraform {\n  cloud {\n    organization = "o"\n  }\n}\n',
        "x.tf.json": json.dumps({"terraform": {"backend": {"gcs": {}}}}),
        "terraform.tfstate": json.dumps({"version": 4, "resources": [{"type": "a"}]}),
    },
    "last": {"main.tf": "", LAST: ""},
    "versions": {
        "main.tf": """terraform {
  required_version = "~> 99.0"
  required_providers {
    time  = { source = "hashicorp/time", version = "~> 0.13.0" }
    null  = "~> 9.0"
    local = { source = "hashicorp/local" }
  }
}
""",
        ".terraform.lock.hcl": """# A comment.
provider "registry.terraform.io/hashicorp/time" {
  version = "0.14.2"
  hashes = [
    "zh:00",
    "zh:01",
  ]
}

provider "registry.terraform.io/hashicorp/local" {
  version     = "2.5.1"
  constraints = "2.5.1"
  hashes = [
    "h1:wrong",
  ]
}

provider "registry.terraform.io/hashicorp/random" {
  version = "3.6.0"
  hashes = [
    "h1:one",
  ]
}
""",
    },
    "variables": {
        "main.tf": """variable "needed" {}
variable "zones" {
  type = list(string)
}
""",
    },
    "modules": {"main.tf": 'module "far" {\n  source = "git::ssh://git@git.example/net.git"\n}\n'},
    "registry": {
        "main.tf": """module "net" {
  source = "127.0.0.1/simple/net/aws"
}
variable "absent" {}
variable "needed" {}
"""
    },
    "nothing": {"README.md": "No configuration."},
}


def make_repository(folder: Path) -> Repository:
    """Make the repository in one commit."""
    repository = Repository(folder)
    for name, files in FILES.items():
        for path, text in files.items():
            file = folder / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    (folder / "links").mkdir()
    (folder / "links" / "variables.tf").symlink_to("../variables/main.tf")
    outside = folder.with_name("outside.tf")
    outside.write_text('variable "outside" {}\n')
    (folder / "links" / "outside.tf").symlink_to(outside)
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message=all")
    repository.git("tag", "v1")
    return repository
