"""Runs the Python client of an article, unmodified, against the shop served from this folder.

The client is the listing that the article prints: four functions that post JSON to users on port
5000 and to orders on port 5001. The article itself is not part of this project; its place comes
from the variable HOSTEL_SEED_ARTICLE. Needs the package `requests`, which the listing imports.

Exit status: 0 the four messages came, 1 an answer was another one, 2 there is no listing to run.
"""

import os
import re
import sys
import types
import uuid

ARTICLE = "HOSTEL_SEED_ARTICLE"
FENCE = re.compile(r"^```python[ \t]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What the article's services answer to each call.
EXPECTED = {
    "register": "用户注册成功",
    "login": "用户登录成功",
    "order": "订单创建成功",
    "pay": "支付成功",
}


class NoListing(Exception):
    """The listing cannot be found or run as it is."""


class WrongAnswer(Exception):
    """A service answered something else than the article's would."""


def article_text():
    path = os.environ.get(ARTICLE)
    if not path:
        raise NoListing(f"{ARTICLE} is not set; set it to the path of the article's text")
    try:
        with open(path, encoding="utf-8") as article:
            return article.read()
    except (OSError, UnicodeDecodeError) as error:
        raise NoListing(f"the article cannot be read: {error}") from error


def client_listing(text):
    """The one fenced block that is the client: it defines the calls and posts them."""
    found = [
        block
        for block in FENCE.findall(text)
        if "def register(data)" in block and "requests.post" in block
    ]
    if len(found) != 1:
        raise NoListing(f"{len(found)} listings of the article look like its client, instead of one")
    return found[0]


def load_client(listing):
    """Executes the listing as a module of its own."""
    client = types.ModuleType("seed_client")
    try:
        exec(compile(listing, "seed_client.py", "exec"), client.__dict__)
    except Exception as error:
        raise NoListing(f"the listing does not run: {error!r}") from error
    missing = [name for name in EXPECTED if not callable(getattr(client, name, None))]
    if missing:
        raise NoListing(f"the listing defines no {', '.join(missing)}")
    return client


def call(client, name, data):
    """Calls one function of the client and prints the message it brings back."""
    try:
        answer = getattr(client, name)(data)
    except Exception as error:
        raise WrongAnswer(f"{name}({data!r}) failed; is `hostel up` serving this folder?\n{error}") from error
    message = answer.get("message") if isinstance(answer, dict) else None
    if message != EXPECTED[name]:
        raise WrongAnswer(f"{name} was answered {answer!r} instead of the message {EXPECTED[name]}")
    print(message, flush=True)
    return answer


def drive(client):
    """One customer from registration to payment; the name is new, so that it works every time."""
    credentials = {"username": f"customer-{uuid.uuid4().hex[:12]}", "password": "correct horse battery"}
    call(client, "register", credentials)
    user = call(client, "login", credentials)
    order = call(
        client,
        "order",
        {
            "user_id": user["user_id"],
            "items": [
                {"sku": "tea", "quantity": 2, "unit_price": 1250},
                {"sku": "cup", "quantity": 1, "unit_price": 499},
            ],
        },
    )
    call(client, "pay", {"order_id": order["order_id"]})


def main():
    # The messages are Chinese whatever the terminal's locale is.
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stderr.reconfigure(encoding="utf-8")
    try:
        drive(load_client(client_listing(article_text())))
    except NoListing as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except WrongAnswer as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
