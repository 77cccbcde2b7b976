# SPDX-License-Identifier: Apache-2.0
"""Hard case 23: links to message centres that speak TLS, with good, expired, foreign and client certificates."""
import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import Lab, wait_until


class Authority:
    """A CA and what it signs, as PEM files in a folder."""

    def __init__(self, folder):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab CA")])
        self.cert = self.sign(self.name, self.key, [], 30, authority=True)
        self.ca = self.write("ca.pem", self.cert.public_bytes(serialization.Encoding.PEM))

    def write(self, name, data):
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def sign(self, name, key, addresses, days, authority=False):
        now = datetime.datetime.utcnow()
        made = (x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=60))
                .not_valid_after(now + datetime.timedelta(days=days))
                .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True))
        if addresses:
            names = [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def issue(self, name, address, days=30):
        """(certificate file, key file)"""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self.sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, [address], days)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return (self.write(f"{name}.crt", cert.public_bytes(serialization.Encoding.PEM)), self.write(f"{name}.key", pem))


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def centre(tmp_path):
    """A message centre that speaks TLS: centre((certificate, key), more options...)."""
    made = []

    def start(pair, *more):
        made.append(Lab("smsc.py", tmp_path / f"centre{len(made)}.log", "--port", "0", "--control-port", "0",
                        "--tls-cert", pair[0], "--tls-key", pair[1], *more))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def test_hard_23_tls13_only_and_a_client_certificate(sms, ca, centre):  # noqa: F811
    """Expected: bound, and a text arrives; the same link without its certificate never binds."""
    there = centre(ca.issue("centre", "127.0.0.1"), "--tls13", "--tls-client-ca", ca.ca)
    cert, key = ca.issue("coko", "127.0.0.2")
    sms.smsc = there
    bare = sms.room(wait=False, port=there.port, tls="yes", ca_file=ca.ca)
    wait_until(lambda: bare.has_logged("link waits"), bare.tail, 30)
    assert sms.stats()["bind_attempts"] == 0
    bare.end()
    sms.rooms.remove(bare)
    sms.room(port=there.port, tls="yes", ca_file=ca.ca, cert_file=cert, key_file=key)
    made = sms.notice(sms.reader())
    sms.wait_state(made, "delivered")


@pytest.mark.parametrize("name, address, days", [("expired", "127.0.0.1", -1), ("elsewhere", "127.0.0.9", 30)])
def test_hard_23_bad_certificate_of_the_centre_is_refused(sms, ca, centre, name, address, days):  # noqa: F811
    """Expected: no bind PDU, so no password, reaches it; the link goes on trying, the message waits."""
    there = centre(ca.issue(name, address, days))
    sms.smsc = there
    room = sms.room(wait=False, port=there.port, tls="yes", ca_file=ca.ca)
    wait_until(lambda: room.log.read_text().count('"event":"link waits"') >= 2, room.tail, 30)
    assert "certificate verify failed" in room.log.read_text()
    assert sms.stats()["bind_attempts"] == 0


def test_certificate_without_its_key_is_a_fault_at_the_start(sms, ca):  # noqa: F811
    cert, _ = ca.issue("coko", "127.0.0.2")
    room = sms.room(wait=False, tls="yes", ca_file=ca.ca, cert_file=cert)
    wait_until(lambda: not room.running(), "the end of the room", 20)
    assert "private key" in room.tail()
    sms.rooms.remove(room)
