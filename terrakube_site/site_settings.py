"""The site's own settings: each environment variable declared once, to be read and documented.

The settings of how steps run are in ``executors.installation.settings``.
"""

from __future__ import annotations

from pathlib import Path

from terrakube_site import env
from terrakube_site.env import Section, Setting

_ALL = "web, worker, watcher"

# ---- site -----------------------------------------------------------------------------------------------------------

SITE = Section(title="Site", read_by=_ALL)

DATA_DIR = SITE.add(
    env.path,
    "TERRAKUBE_DATA_DIR",
    Path(__file__).resolve().parents[1] / "var",
    "Data folder: SQLite, generated keys, work folders of local executors. Unset: the folder var beside manage.py.",
    shown_default=None,
)
PUBLIC_URL = SITE.add(env.url, "TerrakubeApiUrl", "http://127.0.0.1:8000", "Address of the site for users and clients.")
DOCUMENTATION_URL = SITE.add(
    env.url,
    "TERRAKUBE_DOCUMENTATION_URL",
    "",
    "Address of your documentation, which the panel's menu links to. Unset: no link.",
)
PRODUCTION = SITE.add(
    env.flag,
    "TERRAKUBE_PRODUCTION",
    False,
    "Refuse to start with generated keys, with debug pages or for all host names. Unset: on when TerrakubeApiUrl "
    "begins with https.",
    shown_default=None,
)
ALLOWED_HOSTS: Setting[tuple[str, ...]] = SITE.add(
    env.comma_list,
    "TERRAKUBE_ALLOWED_HOSTS",
    ("localhost", "127.0.0.1", "[::1]"),
    "Host names that the site answers to.",
    shown_default="localhost,127.0.0.1,[::1], the host of TerrakubeApiUrl",
)
TRUSTED_ORIGINS: Setting[tuple[str, ...]] = SITE.add(
    env.comma_list,
    "TERRAKUBE_TRUSTED_ORIGINS",
    (),
    "Other origins that may send forms, such as https://site.example.",
)
SECURE_COOKIES = SITE.add(
    env.flag,
    "TERRAKUBE_SECURE_COOKIES",
    False,
    "Send cookies by HTTPS only and trust X-Forwarded-Proto. Unset: on when TerrakubeApiUrl begins with https.",
    shown_default=None,
)
HSTS_SECONDS = SITE.add(
    env.seconds,
    "TERRAKUBE_HSTS_SECONDS",
    0,
    "Time for which browsers use HTTPS only (HSTS). Unset: one year with secure cookies, else 0.",
    shown_default=None,
    minimum=0,
)
STATIC_ROOT = SITE.add(
    env.path,
    "TERRAKUBE_STATIC_ROOT",
    None,
    "Folder of the collected static files. Unset: they are served from the source folders.",
)
OUTGOING_ALLOWED: Setting[tuple[str, ...]] = SITE.add(
    env.comma_list,
    "TERRAKUBE_OUTGOING_ALLOWED",
    (),
    "Private hosts, .domains or networks such as 10.0.0.0/8 that the site may connect to: a VCS, an index, an issuer.",
)
SOURCE_SCHEMES: Setting[tuple[str, ...]] = SITE.add(
    env.choices,
    "TERRAKUBE_SOURCE_SCHEMES",
    ("https", "ssh"),
    "Schemes allowed in a repository's URL when a workspace is saved: https, ssh, http, git, file.",
    allowed=("https", "ssh", "http", "git", "file"),
)
MAX_SOURCE_MIB = SITE.add(
    env.integer, "TERRAKUBE_MAX_SOURCE_MIB", 64, "Size limit of an uploaded source, in MiB.", minimum=1
)
KEEP_DELIVERY_DAYS = SITE.add(
    env.integer,
    "TERRAKUBE_KEEP_DELIVERY_DAYS",
    7,
    "Days for which deliveries of webhooks are kept; a repeated one is known for as long.",
    minimum=1,
    maximum=36_600,
)
KEEP_HISTORY_DAYS = SITE.add(
    env.integer,
    "TERRAKUBE_KEEP_HISTORY_DAYS",
    0,
    "Days for which the histories are kept that say who changed what; 0 keeps them for good.",
    minimum=0,
    maximum=36_600,
)
DELIVERIES_PER_MINUTE = SITE.add(
    env.integer,
    "TERRAKUBE_DELIVERIES_PER_MINUTE",
    600,
    "Number of deliveries that one webhook may send in a minute; more are answered with 429.",
    minimum=1,
)
DELIVERY_MIB_PER_DAY = SITE.add(
    env.integer,
    "TERRAKUBE_DELIVERY_MIB_PER_DAY",
    1024,
    "Size of what one webhook may send in a day (UTC), in MiB, each delivery counted as at least 16 KiB.",
    minimum=1,
)
KEEP_PULL_REQUEST_DAYS = SITE.add(
    env.integer,
    "TERRAKUBE_KEEP_PULL_REQUEST_DAYS",
    90,
    "Days for which closed pull requests, and statuses and comments that were sent, are kept after their last change.",
    minimum=1,
    maximum=36_600,
)
SCHEDULE_TIME_ZONE = SITE.add(
    env.time_zone,
    "TERRAKUBE_SCHEDULE_TIME_ZONE",
    "UTC",
    "Time zone of new schedules that name none, such as Europe/Berlin. Each schedule keeps its own.",
)
LOG_LEVEL = SITE.add(
    env.choice,
    "TERRAKUBE_LOG_LEVEL",
    "INFO",
    "DEBUG, INFO, WARNING or ERROR.",
    choices=("DEBUG", "INFO", "WARNING", "ERROR"),
)
LOG_FORMAT = SITE.add(
    env.choice,
    "TERRAKUBE_LOG_FORMAT",
    "plain",
    "plain for a terminal, json for a log collector.",
    choices=("plain", "json"),
)
DEBUG = SITE.add(env.flag, "TERRAKUBE_DEBUG", False, "Django's debug pages; refused in production.")
METRICS_TOKEN = SITE.add(
    env.secret,
    "TERRAKUBE_METRICS_TOKEN",
    None,
    "Bearer token for /metrics, 16 characters or more. Unset: /metrics answers to this machine only.",
    minimum_length=16,
)
OTLP_ENDPOINT = SITE.add(
    env.text,
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "",
    "Collector for a trace of each step, by OTLP over HTTP. OTEL_EXPORTER_OTLP_HEADERS and the other variables of "
    "OpenTelemetry's exporter apply too.",
    kind="URL",
)

# ---- what variables may do ------------------------------------------------------------------------------------------

POLICIES = Section(
    title="What variables may do",
    read_by="web, worker",
    intro="The [built-in rules](policy.md) for the variables that shape pods.",
)

SERVICE_ACCOUNTS: Setting[tuple[str, ...] | None] = POLICIES.add(
    env.comma_list,
    "ExecutorEphemeralServiceAccounts",
    None,
    "Service accounts that variables may name; * matches any text. Unset: all but the site's own.",
)
CLAIMS: Setting[tuple[str, ...] | None] = POLICIES.add(
    env.comma_list,
    "ExecutorEphemeralClaims",
    None,
    "Volume claims that variables may name; * matches any text. Unset: all.",
)
ALLOW_ROOT = POLICIES.add(
    env.flag,
    "ExecutorEphemeralAllowRoot",
    False,
    "Variables may let containers run as root and gain privileges.",
)
EXECUTOR_LOCAL = POLICIES.add(
    env.choice,
    "ExecutorLocal",
    "auto",
    "Steps may run on the worker's machine: yes, no, or auto (only where the site runs outside of a pod).",
    choices=("auto", "yes", "no"),
)

# ---- keys -----------------------------------------------------------------------------------------------------------

KEYS = Section(
    title="Keys",
    read_by=_ALL,
    intro="On one machine they may be unset: the first start generates them and keeps them in the data folder.",
)

SECRET_KEY = KEYS.add(
    env.secret,
    "TERRAKUBE_SECRET_KEY",
    None,
    "Signs sessions and the one-time tokens of attempts; 32 characters or more.",
    minimum_length=32,
)
ENCRYPTION_KEYS: Setting[tuple[str, ...]] = KEYS.add(
    env.comma_list,
    "TERRAKUBE_ENCRYPTION_KEYS",
    (),
    "Fernet keys of the encrypted columns; the first one encrypts, all of them decrypt.",
    is_secret=True,
)
INTERNAL_SECRET = KEYS.add(
    env.secret,
    "InternalSecret",
    None,
    "Key of the tokens of Terrakube's own executor; the same value as there.",
    minimum_length=32,
)
PAT_SECRET = KEYS.add(env.secret, "PatSecret", None, "Key of personal and team tokens.", minimum_length=32)
OLD_SECRET_KEYS: Setting[tuple[str, ...]] = KEYS.add(
    env.comma_list,
    "TERRAKUBE_OLD_SECRET_KEYS",
    (),
    "Earlier secret keys; sessions and one-time tokens that they signed stay valid.",
    is_secret=True,
)
OLD_INTERNAL_SECRETS: Setting[tuple[str, ...]] = KEYS.add(
    env.comma_list, "TERRAKUBE_OLD_INTERNAL_SECRETS", (), "Earlier values of InternalSecret.", is_secret=True
)
OLD_PAT_SECRETS: Setting[tuple[str, ...]] = KEYS.add(
    env.comma_list, "TERRAKUBE_OLD_PAT_SECRETS", (), "Earlier values of PatSecret.", is_secret=True
)

# ---- sign-in --------------------------------------------------------------------------------------------------------

SIGN_IN = Section(title="Sign-in", read_by="web")

OIDC_ISSUER = SIGN_IN.add(env.url, "DexIssuerUri", "", "Issuer of OpenID Connect tokens.")
OIDC_CLIENT_ID = SIGN_IN.add(env.text, "DexClientId", "", "Client ID, which is also the audience of the tokens.")
OIDC_CLIENT_SECRET = SIGN_IN.add(
    env.secret,
    "TERRAKUBE_OIDC_CLIENT_SECRET",
    "",
    "Client secret for the sign-in to the panel. Unset: the client is a public one.",
)
OIDC_NAME = SIGN_IN.add(
    env.text, "TERRAKUBE_OIDC_NAME", "OpenID Connect", "Name of the issuer on the button of the sign-in page."
)
OIDC_SCOPES: Setting[tuple[str, ...]] = SIGN_IN.add(
    env.comma_list, "TERRAKUBE_OIDC_SCOPES", ("openid", "profile", "email", "groups"), "Scopes that are requested."
)
SESSION_AGE = SIGN_IN.add(
    env.seconds, "TERRAKUBE_SESSION_AGE", 12 * 3600, "Lifetime of a session of the panel.", minimum=300
)
LOCKOUT_FAILURES = SIGN_IN.add(
    env.integer,
    "TERRAKUBE_LOCKOUT_FAILURES",
    5,
    "Wrong passwords after which a user name is locked for an address.",
    minimum=1,
    maximum=1000,
)
LOCKOUT_MINUTES = SIGN_IN.add(
    env.integer, "TERRAKUBE_LOCKOUT_MINUTES", 15, "Duration of this lockout, in minutes.", minimum=1, maximum=1440
)
TRUSTED_PROXIES: Setting[tuple[str, ...]] = SIGN_IN.add(
    env.comma_list,
    "TERRAKUBE_TRUSTED_PROXIES",
    (),
    "Addresses or networks of proxies whose X-Forwarded-For gives the client's address.",
)
ADMIN_GROUP = SIGN_IN.add(
    env.text, "TERRAKUBE_ADMIN_GROUP", "TERRAKUBE_ADMIN", "Group whose members are administrators."
)

# ---- database and queue ---------------------------------------------------------------------------------------------

DATABASE = Section(title="Database and queue", read_by=_ALL)

DATABASE_URL = DATABASE.add(
    env.secret,
    "TERRAKUBE_DATABASE_URL",
    "",
    "postgresql://user:password@host:port/name, optionally with ?sslmode=verify-full. Unset: SQLite in the data "
    "folder.",
)
DATABASE_POOL = DATABASE.add(
    env.flag, "TERRAKUBE_DATABASE_POOL", False, "Pool connections; the web process always does."
)
LOCK_SECONDS = DATABASE.add(
    env.seconds,
    "TERRAKUBE_DATABASE_LOCK_SECONDS",
    5,
    "Timeout of a request or task that waits for a lock in PostgreSQL; then it is answered 503 or retried. 0: no "
    "timeout.",
    minimum=0,
    maximum=600,
)
STATEMENT_SECONDS = DATABASE.add(
    env.seconds,
    "TERRAKUBE_DATABASE_STATEMENT_SECONDS",
    60,
    "Timeout of one statement in PostgreSQL. 0: no timeout.",
    minimum=0,
    maximum=86_400,
)
IDLE_SECONDS = DATABASE.add(
    env.seconds,
    "TERRAKUBE_DATABASE_IDLE_SECONDS",
    10,
    "Timeout of an idle transaction, such as that of a frozen process; PostgreSQL then ends it and frees its locks. 0: "
    "no timeout. These three timeouts do not apply to commands that a person runs. With all three at 0 no options are "
    "sent, as a PgBouncer before the database may require.",
    minimum=0,
    maximum=86_400,
)
WORKERS = DATABASE.add(
    env.integer, "TERRAKUBE_WORKERS", 2, "Tasks that one worker runs at the same time.", minimum=1, maximum=64
)
QUEUE = DATABASE.add(
    env.text,
    "TERRAKUBE_QUEUE",
    "terrakube",
    "Name of the queue; installations that share a Redis need different names.",
)
REDIS_HOST = DATABASE.add(env.text, "TerrakubeRedisHostname", "", "Host of Redis. Unset: the queue is in the database.")
REDIS_PORT = DATABASE.add(env.integer, "TerrakubeRedisPort", 6379, "Port of Redis.", minimum=1, maximum=65535)
REDIS_DATABASE = DATABASE.add(
    env.integer, "TERRAKUBE_REDIS_DATABASE", 0, "Number of the Redis database.", minimum=0, maximum=63
)
REDIS_USERNAME = DATABASE.add(env.text, "TerrakubeRedisUsername", "", "User name for Redis.")
REDIS_PASSWORD = DATABASE.add(env.secret, "TerrakubeRedisPassword", "", "Password for Redis.")
REDIS_SSL = DATABASE.add(env.flag, "TerrakubeRedisSSL", False, "Connect to Redis by TLS.")

# ---- release indexes ------------------------------------------------------------------------------------------------

RELEASES = Section(title="Release indexes", read_by="web")

TERRAFORM_INDEX = RELEASES.add(
    env.text,
    "CustomTerraformReleasesUrl",
    "https://releases.hashicorp.com/terraform/index.json",
    "Index of Terraform's releases: an address, or file:///path in a closed network.",
)
TOFU_INDEX = RELEASES.add(
    env.text,
    "CustomTofuReleasesUrl",
    "https://api.github.com/repos/opentofu/opentofu/releases?per_page=100",
    "Index of OpenTofu's releases.",
)
INDEX_MINUTES = RELEASES.add(
    env.integer,
    "CustomReleaseCacheExpirationMinutes",
    30,
    "Time for which an index is cached, in minutes.",
    minimum=1,
    maximum=100_000,
)
INDEX_TOKEN = RELEASES.add(env.secret, "CustomReleaseGithubToken", "", "Token for an index on GitHub.")

# ---- e-mail ---------------------------------------------------------------------------------------------------------

EMAIL = Section(
    title="E-mail",
    read_by="web, worker",
    intro="For [notifications](notices.md) by e-mail.",
)

EMAIL_HOST = EMAIL.add(env.text, "TERRAKUBE_EMAIL_HOST", "", "Mail server (SMTP). Unset: no e-mail is sent.")
EMAIL_PORT = EMAIL.add(env.integer, "TERRAKUBE_EMAIL_PORT", 587, "Port of the mail server.", minimum=1, maximum=65535)
EMAIL_USER = EMAIL.add(env.text, "TERRAKUBE_EMAIL_USER", "", "User name for the mail server. Unset: no login.")
EMAIL_PASSWORD = EMAIL.add(env.secret, "TERRAKUBE_EMAIL_PASSWORD", "", "Password for the mail server.")
EMAIL_SECURITY = EMAIL.add(
    env.choice,
    "TERRAKUBE_EMAIL_SECURITY",
    "starttls",
    "starttls, tls from the first byte (mostly port 465), or none.",
    choices=("starttls", "tls", "none"),
)
EMAIL_FROM = EMAIL.add(env.text, "TERRAKUBE_EMAIL_FROM", "terrakube@localhost", "Sender of e-mail.")
EMAIL_DOMAINS: Setting[tuple[str, ...]] = EMAIL.add(
    env.comma_list,
    "TERRAKUBE_EMAIL_DOMAINS",
    (),
    "Domains to which e-mail may be sent, such as example.org. Unset: all.",
)
