# Fetches URLs, one after the other, with urllib and with requests, and prints a line of JSON each: whether the origin has answered, and
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
    headers = {"Proxy-Authorization": x["value"]} if x["value"] else {}
    if x["proxy"] is None:
        handlers.append(urllib.request.ProxyHandler({}))
    else:
        proxy = x["account"] if x["scheme"] == "Basic" else x["proxy"]
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
        if x["scheme"] == "Digest":
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            passwords.add_password(None, [x["proxy"], x["url"]], x["username"], x["password"])
            handlers.append(urllib.request.ProxyDigestAuthHandler(passwords))
    if x["scheme"] == "Basic" and x["proxy"] is not None:
        headers = {}
    request = urllib.request.Request(x["url"], headers=headers)
    with urllib.request.build_opener(*handlers).open(request, timeout=30) as answer:
        answer.read()
        return answer.status


class WithField(requests.adapters.HTTPAdapter):
    """Says the field to the proxy, also with a CONNECT."""

    def __init__(self, value):
        self.value = value
        super().__init__()

    def proxy_headers(self, proxy):
        return {"Proxy-Authorization": self.value}


def with_requests(x):
    session = requests.Session()
    session.trust_env = False
    session.verify = x["ca"]
    headers = {}
    proxy = x["account"]
    if x["value"] and (x["proxy"] is None or x["scheme"] != "Basic"):
        headers = {"Proxy-Authorization": x["value"]}
        proxy = x["proxy"]
        if x["url"].startswith("https:") and x["proxy"] is not None:
            headers = {}
            session.mount("https://", WithField(x["value"]))
    proxies = {} if x["proxy"] is None else {"http": proxy, "https": proxy}
    return session.get(x["url"], headers=headers, proxies=proxies, timeout=30).status_code


for x in json.loads(sys.argv[1]):
    try:
        status = {"urllib": with_urllib, "requests": with_requests}[x["library"]](x)
        said = str(status)
    except Exception as error:
        status = None
        said = type(error).__name__ + ": " + str(error)
    print(json.dumps({"served": status == 200, "says": said}), flush=True)
