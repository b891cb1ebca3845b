"""h2spec, strict, against the real proxy: every case passes."""
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from service import GO_BINS

# On a port that speaks HTTP/1 too, what is no preface is a request of HTTP/1, and is answered as one; the same case
# passes where TLS has settled on h2.
PLAIN_PORT_SPEAKS_HTTP1 = {"Sends invalid connection preface"}


def failures(report):
    """What failed, one line per case; and how many cases ran."""
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    lines = [f"{case.get('package')}: {case.get('classname')}: {' '.join((case.findtext('failure') or 'error').split())}"
             for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return lines, len(cases)


@pytest.mark.fault("D20", "h2spec: frames and states that HTTP/2 forbids", ci=1, soak=1)
def test_every_case_of_h2spec_passes(shop, tmp_path):
    report = tmp_path / "h2spec.xml"
    done = subprocess.run([GO_BINS / "h2spec", "-h", "127.0.0.1", "-p", str(shop.port), "-P", "/hello", "--strict", "-o", "2",
                           "-j", report], capture_output=True, text=True, timeout=300)
    failed, ran = failures(report)
    unexpected = [line for line in failed if not any(name in line for name in PLAIN_PORT_SPEAKS_HTTP1)]
    assert unexpected == [], "\n".join(unexpected) + done.stdout[-3000:]
    assert ran >= 145, done.stdout
