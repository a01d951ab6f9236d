# An example without an external provider: terraform_data is built in.

variable "greeting" {
  description = "Greeting; a variable of the example workspace sets it."
  type        = string
}

variable "names" {
  description = "Names to greet."
  type        = list(string)
}

variable "password" {
  description = "A sensitive variable: no log and no page shows it."
  type        = string
  sensitive   = true
}

resource "terraform_data" "greeting" {
  for_each = toset(var.names)
  input    = "${var.greeting}, ${each.key}!"

  provisioner "local-exec" {
    command = "for i in 1 2 3; do echo \"$GREETING ($i of 3)\"; sleep 0.2; done"
    environment = {
      GREETING = self.input
    }
  }
}

resource "terraform_data" "secret" {
  input = sha256(var.password)
}

output "greetings" {
  value = [for name, made in terraform_data.greeting : made.output]
}

output "password_length" {
  value     = length(var.password)
  sensitive = true
}
