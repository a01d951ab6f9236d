"""Read an installation's environment over Terrakube's properties in `JAVA_TOOL_OPTIONS`, over the defaults."""

import re
import shlex
from collections.abc import Callable, Mapping

from terrakube_site import env
from terrakube_site.env import Setting, SettingError
from workspaces import pods
from workspaces.pods import kubernetes_syntax

# The certificates travel in an environment variable, of which Linux takes 128 KiB in all, base64 included.
MAX_CA_BUNDLE_BYTES = 64 * 1024

_JAVA_OPTIONS = "JAVA_TOOL_OPTIONS"
_PROPERTY = re.compile(r"-D(org|io)\.terrakube\.executor\.ephemeral\.([A-Za-z]+)(.*)", re.DOTALL)


class Reader:
    """The environment over Terrakube's properties, with the errors of all that was read.

    ``java_node_selector`` are the labels that the properties ask of a node.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.errors: list[SettingError] = []
        self._properties: dict[str, str] = {}
        self.java_node_selector: dict[str, str] = {}
        self._read_java_options(environ.get(_JAVA_OPTIONS, ""))
        # Set but empty is a value only where it takes a default away.
        said = {name: text for name, text in environ.items() if text.strip() or name == "ExecutorEphemeralSecret"}
        self._said = said
        self._environ = {**self._properties, **said}

    def get[T](self, setting: Setting[T]) -> T:
        """Read a setting; keep the error and return the default when its text is not allowed."""
        name = setting.name
        try:
            return setting.read(self._environ)
        except SettingError as error:
            if name in self._properties and name not in self._said:
                error = SettingError(f"{name} in {_JAVA_OPTIONS}", error.value, error.allowed)
            self.errors.append(error)
            return setting.default

    def _read_java_options(self, text: str) -> None:
        try:
            options = _split_java_options(text)
        except ValueError:
            # Not repeated: such options often hold passwords.
            self.errors.append(SettingError(_JAVA_OPTIONS, env.HIDDEN, "options whose quotation marks are all closed"))
            return
        found = [match for option in options if (match := _PROPERTY.fullmatch(option))]
        for match in sorted(found, key=lambda match: ("org", "io").index(match[1])):
            key, _, value = match[3].partition("=")
            if match[2] == "nodeSelector":
                self._read_selector(key, value, match[0])
            elif not key and value and match[2] in ("namespace", "image", "secret"):
                self._properties[f"ExecutorEphemeral{match[2].capitalize()}"] = value

    def _read_selector(self, key: str, value: str, option: str) -> None:
        # Spring writes a key with dots or slashes as nodeSelector[KEY]; plainly written ones are taken as they are.
        bracketed = re.fullmatch(r"\.?\[(.+)\]", key)
        key = bracketed[1] if bracketed else key.removeprefix(".")
        objection = kubernetes_syntax.label_key_objection(key) or kubernetes_syntax.label_value_objection(value)
        if objection:
            allowed = f"a node selector whose keys and values are labels: each {objection}"
            self.errors.append(SettingError(_JAVA_OPTIONS, option, allowed))
        else:
            self.java_node_selector[key] = value


def _split_java_options(text: str) -> list[str]:
    """Split options as the JVM does: at white space, with quotation marks of both kinds, and no escapes."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    return list(lexer)


def read_name(environ: Mapping[str, str], name: str, default: str, *, objection: Callable[[str], str | None]) -> str:
    value = env.text(environ, name, default)
    if problem := objection(value):
        raise SettingError(name, value, f"a name, which {problem}")
    return value


def read_names(environ: Mapping[str, str], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    values = env.comma_list(environ, name, default)
    for value in values:
        if problem := kubernetes_syntax.name_objection(value):
            raise SettingError(name, value, f"names, each of which {problem}")
    return tuple(dict.fromkeys(values))


def read_node_selector(environ: Mapping[str, str], name: str, default: dict[str, str]) -> dict[str, str]:
    text = env.text(environ, name, "")
    if not text:
        return default
    try:
        return pods.node_selector(text)
    except pods.EphemeralSyntaxError as error:
        raise SettingError(name, text, f'{error.grammar}; "{error.item}" {error.problem}') from None


def read_certificates(environ: Mapping[str, str], name: str, default: None) -> str | None:
    path = env.path(environ, name, None)
    if path is None:
        return default
    # Each process of the site reads its settings, and few name certificates.
    from cryptography import x509

    allowed = f"a readable file of certificates in PEM, of at most {MAX_CA_BUNDLE_BYTES // 1024} KiB"
    try:
        content = path.read_bytes()
        if len(content) > MAX_CA_BUNDLE_BYTES or not x509.load_pem_x509_certificates(content):
            raise SettingError(name, str(path), allowed)
        text = content.decode("ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds something else"
        raise SettingError(name, str(path), f"{allowed} ({reason})") from None
    if "PRIVATE KEY" in text:
        # Every pod gets the text.
        raise SettingError(name, str(path), f"{allowed}, without a private key")
    return text


def read_version(environ: Mapping[str, str], name: str, default: None) -> tuple[int, int] | None:
    text = env.text(environ, name, "", pattern=r"v?\d{1,3}\.\d{1,3}([.+-].*)?", allowed="a version such as 2.30")
    if not text:
        return default
    major, minor = re.findall(r"\d+", text)[:2]
    return int(major), int(minor)
