# SPDX-License-Identifier: Apache-2.0
"""/metrics as Prometheus reads it (text format 0.0.4, strictly), and the SMS and SMPP families that dashboards need."""
import re
import subprocess

from support import http_request, wait_until
from test_sms_daemon import say, stats, texts

NAME = re.compile(r"[a-z][a-z0-9_]*$")
SAMPLE = re.compile(r'([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? ([-+]?[0-9.e+-]+|[+-]Inf|NaN)$')
FAMILIES = {
    "coko_sms_mt_total": "counter", "coko_sms_mo_total": "counter", "coko_sms_parts_total": "counter",
    "coko_sms_submit_duration_seconds": "histogram", "coko_sms_dlr_total": "counter", "coko_sms_orphan_dlr": "gauge",
    "coko_sms_dlr_latency_seconds": "histogram",
    "coko_smpp_bind_up": "gauge", "coko_smpp_bind_owner": "gauge", "coko_smpp_pdus_total": "counter",
    "coko_smpp_window_used": "gauge", "coko_smpp_window_size": "gauge", "coko_smpp_throttled_total": "counter",
    "coko_smpp_rebinds_total": "counter", "coko_smpp_enquire_rtt_seconds": "histogram", "coko_smpp_rate_limit": "gauge",
    "coko_smpp_decode_errors_total": "counter", "coko_config_last_reload_timestamp_seconds": "gauge"}


def families(text):
    """{name: (type, {(sample name, labels): value})}; asserts what promtool would."""
    found, current, seen = {}, None, set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in found and line.split(" ", 3)[3], line
            found[current] = [None, {}]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and NAME.match(name) and kind in ("counter", "gauge", "histogram"), line
            assert kind != "counter" or name.endswith("_total"), line
            assert kind == "counter" or not name.endswith("_total"), line
            found[name][0] = kind
        else:
            match = SAMPLE.match(line)
            assert match, line
            name, labels, value = match.groups()
            assert (name, labels) not in seen, f"twice: {line}"
            seen.add((name, labels))
            base = re.sub(r"_(bucket|sum|count)$", "", name) if found[current][0] == "histogram" else name
            assert base == current, f"{line} stands under {current}"
            found[current][1][(name, labels or "")] = float(value)
    return found


def check_histogram(name, samples):
    counts = [v for (sample, _), v in samples.items() if sample == f"{name}_count"]
    tops = [v for (sample, labels), v in samples.items() if sample == f"{name}_bucket" and 'le="+Inf"' in labels]
    assert counts and sorted(counts) == sorted(tops), name


def test_metrics_are_what_prometheus_reads(daemon, smsc):
    one = daemon(config={"coko": {"workers": 2}, "link lab": {"enquire_link": "200ms", "window": 13, "rate": 99}}, smsc=smsc)
    stats(smsc, bound=1)
    say(smsc, "aide")
    texts(smsc)

    def read():
        found = families(http_request("GET", one.metrics_url + "/metrics").text)
        return found if all(name in found for name in FAMILIES) else None

    wait_until(read, lambda: f"families {set(FAMILIES) - set(families(http_request('GET', one.metrics_url + '/metrics').text))}", 30)
    wait_until(lambda: one.metric("coko_smpp_window_size") == 13, "the window's size, once whatever the workers", 20)
    found = read()
    assert {name: found[name][0] for name in FAMILIES} == FAMILIES
    assert one.metric("coko_smpp_rate_limit") == 99 and one.metric("coko_smpp_bind_owner") == 1
    for name, (kind, samples) in found.items():
        if kind == "histogram":
            check_histogram(name, samples)


def test_latency_of_receipts_by_account(daemon, smsc):
    """Each part that the lab accepted has one wait, of at least what the lab held its receipt back."""
    one = daemon(smsc=smsc)
    stats(smsc, bound=1)
    smsc.control("POST", "/faults", {"receipt_delay_ms": 1200})
    for word in ("aide", "menu"):
        say(smsc, word)
    texts(smsc, count=2)
    parts = stats(smsc)["accepted"]
    name, account = "coko_sms_dlr_latency_seconds", 'account="lab"'
    wait_until(lambda: one.metric(f"{name}_count", account) == parts, "a wait for each part", 20)
    bucket = f"{name}_bucket"
    assert one.metric(bucket, f'{{{account},le="1"}}') == 0 and one.metric(bucket, f'{{{account},le="86400"}}') == parts
    assert 1 * parts < one.metric(f"{name}_sum", account) < 20 * parts


def test_promtool_finds_nothing(daemon, smsc):
    """The judge of Prometheus itself, over a page with every family that traffic makes."""
    one = daemon(smsc=smsc)
    stats(smsc, bound=1)
    say(smsc, "aide")
    texts(smsc)
    wait_until(lambda: one.metric("coko_sms_dlr_latency_seconds_count") > 0, "the receipt", 20)
    page = http_request("GET", one.metrics_url + "/metrics").text
    told = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert told.returncode == 0 and not told.stdout + told.stderr, told.stdout + told.stderr
