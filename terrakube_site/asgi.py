"""Entry point of the web process."""

import os
import warnings
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "terrakube_site.settings")
# Only this process serves every request from another thread, and needs a pool to reuse connections.
os.environ.setdefault("TERRAKUBE_DATABASE_POOL", "1")

from django.urls import get_resolver

from terrakube_site.database.pool_check import use_in_pools
from terrakube_site.http.body_limit import limited
from terrakube_site.http.handler import make_application

# Static files are sent by a middleware that reads them in the ordinary way; they are small, and cached by browsers.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

use_in_pools()
django_application = make_application()
# Applications can be imported from here on.
application = import_module("executors.runs.live_answers").answered_from_memory(
    limited(django_application, import_module("terrakube_site.http.body_doors").judge)
)
import_module("executors.metrics.store").start_flushing()
if import_module("workspaces.services.oidc").is_sign_in_offered():
    # The addresses leave it for who signs in first.
    import_module("workspaces.sign_in.issuer")

# What was loaded stays for good. Left to the collector, walking it would hold up every hundredth request by 70 ms.
_ = get_resolver().url_patterns
import_module("terrakube_site.collector").spare_what_stays()
