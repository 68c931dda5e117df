# Fetches URLs, one after the other, with urllib, requests or requests-ntlm, and prints a line of JSON each: whether the origin has answered, and
# what was said. The argument: a JSON list of objects with library, scheme, value, proxy, account, username, password, url, ca.
import json
import ssl
import sys
import urllib.request

import requests
import requests.adapters


def with_urllib(x):
    context = ssl.create_default_context(cafile=x["ca"])
    handlers = [urllib.request.HTTPSHandler(context=context)]
    if x["proxy"] is None:
        handlers.append(urllib.request.ProxyHandler({}))
    else:
        proxy = x["account"] if x["scheme"] == "Basic" else x["proxy"]
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
        if x["scheme"] == "Digest":
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            passwords.add_password(None, [x["proxy"], x["url"]], x["username"], x["password"])
            handlers.append(urllib.request.ProxyDigestAuthHandler(passwords))
    request = urllib.request.Request(x["url"], headers=x["fields"])
    with urllib.request.build_opener(*handlers).open(request, timeout=30) as answer:
        answer.read()
        return answer.status


class WithFields(requests.adapters.HTTPAdapter):
    """Says them to the proxy, also with a CONNECT."""

    def __init__(self, fields):
        self.fields = fields
        super().__init__()

    def proxy_headers(self, proxy):
        return self.fields


def with_requests(x, auth=None):
    session = requests.Session()
    session.trust_env = False
    session.verify = x["ca"]
    session.auth = auth
    proxy = x["proxy"] if x["fields"] or auth else x["account"]
    tunnels = x["url"].startswith("https:") and proxy is not None
    if tunnels and x["fields"]:
        session.mount("https://", WithFields(x["fields"]))
    proxies = {} if x["proxy"] is None else {"http": proxy, "https": proxy}
    return session.get(x["url"], headers={} if tunnels else x["fields"], proxies=proxies, timeout=30).status_code


def with_requests_ntlm(x):
    import requests_ntlm

    return with_requests(x, requests_ntlm.HttpNtlmAuth(x["username"], x["password"]))


libraries = {"urllib": with_urllib, "requests": with_requests, "requests-ntlm": with_requests_ntlm}
for x in json.loads(sys.argv[1]):
    try:
        status = libraries[x["library"]](x)
        said = str(status)
    except Exception as error:
        status = None
        said = type(error).__name__ + ": " + str(error)
    print(json.dumps({"served": status == 200, "says": said}), flush=True)
