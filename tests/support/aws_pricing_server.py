"""Two AWS services on loopback: prices, and spot history in front of moto's EC2.

moto has no Price List service, and one placeholder for every spot price. This server
answers those two in the shape that AWS documents, over real HTTP, and passes every
other EC2 request on to moto. What it is asked and what it answers is validated against
botocore's own service model, so that it cannot drift from the real thing unseen.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

import botocore.session
import pytest
from botocore.validate import ParamValidator

PRICING = "GetProducts"
SPOT = "DescribeSpotPriceHistory"
ROWS_PER_PAGE = 3
_SPOT_XML = (
    "<item><instanceType>{InstanceType}</instanceType>"
    "<productDescription>{ProductDescription}</productDescription>"
    "<spotPrice>{SpotPrice}</spotPrice><timestamp>{Timestamp}</timestamp>"
    "<availabilityZone>{AvailabilityZone}</availabilityZone></item>"
)


def product(instance_type, region, usd, *, sku=None, prices=None, **attributes):
    """A row of the price list, as AWS writes it: Linux, shared, nothing installed."""
    sku = sku or f"{instance_type}-{region}".upper()
    term = {
        "priceDimensions": {
            f"{sku}.JRTCKXETXF.{n}": dimension
            for n, dimension in enumerate(prices or [hourly(usd)])
        },
        "sku": sku,
        "effectiveDate": "2026-07-01T00:00:00Z",
        "offerTermCode": "JRTCKXETXF",
        "termAttributes": {},
    }
    return {
        "product": {
            "productFamily": "Compute Instance",
            "attributes": {
                "instanceType": instance_type,
                "regionCode": region,
                "locationType": "AWS Region",
                "operatingSystem": "Linux",
                "tenancy": "Shared",
                "preInstalledSw": "NA",
                "capacitystatus": "Used",
                "marketoption": "OnDemand",
                "servicecode": "AmazonEC2",
                **attributes,
            },
            "sku": sku,
        },
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}},
        "version": "20260701000000",
        "publicationDate": "2026-07-01T00:00:00Z",
    }


def hourly(amount, *, currency="USD", unit="Hrs", begin="0", end="Inf"):
    """A price dimension of a term."""
    return {
        "unit": unit,
        "endRange": end,
        "description": f"{amount} {currency} per {unit}",
        "appliesTo": [],
        "rateCode": f"RATE.{unit}.{begin}",
        "beginRange": begin,
        "pricePerUnit": {currency: f"{amount:.10f}"},
    }


def spot(
    instance_type, zone, usd, *, at="2026-08-01T00:00:00.000Z", product="Linux/UNIX"
):
    """A row of the spot price history."""
    return {
        "InstanceType": instance_type,
        "ProductDescription": product,
        "SpotPrice": f"{usd:.6f}",
        "Timestamp": at,
        "AvailabilityZone": zone,
    }


@dataclass
class AwsOnLoopback:
    """What the server sells, what it shall refuse, and what it was asked."""

    moto_url: str
    products: list = field(default_factory=list)
    spot_rows: list = field(default_factory=list)
    # (action, region of the request's signature) -> (status, code), one a request.
    refusals: dict = field(default_factory=lambda: defaultdict(list))
    # action -> bytes that stand in for the answer, such as a sign-in page.
    raw_answers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    drift: list = field(default_factory=list)
    url: str = ""

    def refuse(self, action, region, status, code, *, times=1):
        self.refusals[action, region] += [(status, code)] * times

    def times_asked(self, action):
        return sum(name == action for name, _ in self.asked)

    def answer(self, headers, body):
        """(status, content type, bytes) for a request."""
        region = headers["Authorization"].split("Credential=")[1].split("/")[2]
        pricing = headers.get("X-Amz-Target", "").partition(".")[2]
        form = {} if pricing else parse_qs(body.decode())
        action = pricing or form["Action"][0]
        self.asked.append((action, region))
        if self.refusals[action, region]:
            return _refusal(bool(pricing), *self.refusals[action, region].pop(0))
        if action in self.raw_answers:
            return 200, "text/html", self.raw_answers[action]
        if action == PRICING:
            return self._products(json.loads(body))
        if action == SPOT:
            return self._spot(region)
        return self._from_moto(headers, body)

    def _products(self, asked):
        self._check("pricing", PRICING, asked, "input_shape")
        wanted = {f["Field"]: f["Value"] for f in asked["Filters"]}
        rows = [
            row
            for row in self.products
            if isinstance(row, str) or _matches(row["product"]["attributes"], wanted)
        ]
        start = int(asked.get("NextToken", "page-0").removeprefix("page-"))
        stop = start + min(ROWS_PER_PAGE, asked["MaxResults"])
        answer = {
            "FormatVersion": "aws_v1",
            "PriceList": [
                row if isinstance(row, str) else json.dumps(row)
                for row in rows[start:stop]
            ],
        }
        if stop < len(rows):
            answer["NextToken"] = f"page-{stop}"
        self._check("pricing", PRICING, answer, "output_shape")
        return 200, "application/x-amz-json-1.1", json.dumps(answer).encode()

    def _spot(self, region):
        rows = [r for r in self.spot_rows if r["AvailabilityZone"].startswith(region)]
        self._check("ec2", SPOT, {"SpotPriceHistory": rows}, "output_shape")
        items = "".join(_SPOT_XML.format(**row) for row in rows)
        return (
            200,
            "text/xml",
            _xml(f"<spotPriceHistorySet>{items}</spotPriceHistorySet>"),
        )

    def _check(self, service, action, said, shape):
        model = _service_model(service)
        report = ParamValidator().validate(
            said, getattr(model.operation_model(action), shape)
        )
        if report.has_errors():
            self.drift.append(report.generate_report())

    def _from_moto(self, headers, body):
        passed = {
            n: headers[n] for n in ("Authorization", "Content-Type", "X-Amz-Date")
        }
        with urlopen(Request(self.moto_url, data=body, headers=passed)) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read()


@cache
def _service_model(service):
    return botocore.session.get_session().get_service_model(service)


def _matches(attributes, wanted):
    return all(attributes.get(name) == value for name, value in wanted.items())


def _refusal(is_json, status, code):
    if is_json:
        text = json.dumps({"__type": code, "message": f"{code} on purpose"})
        return status, "application/x-amz-json-1.1", text.encode()
    error = f"<Code>{code}</Code><Message>{code} on purpose</Message>"
    text = f"<Response><Errors><Error>{error}</Error></Errors></Response>"
    return status, "text/xml", text.encode()


def _xml(inside):
    return (
        f'<{SPOT}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>1</requestId>{inside}</{SPOT}Response>"
    ).encode()


@contextmanager
def aws_on_loopback(moto_url: str) -> Iterator[AwsOnLoopback]:
    """A running server; what drifted from AWS's model fails whoever used it."""
    aws = AwsOnLoopback(moto_url=moto_url)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, kind, text = aws.answer(self.headers, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words: Iterable[object]) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    aws.url = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("NO_PROXY", "127.0.0.1")
            yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert aws.drift == []
