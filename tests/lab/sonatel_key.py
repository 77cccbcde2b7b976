# SPDX-License-Identifier: Apache-2.0
"""The key under which Orange Money wants PINs: RSA of 2048 bits, made at first use, in plain Python.

Key().public is base64 of the DER without armour, as publicKeys gives it; open() undoes PKCS#1 v1.5.
"""

import base64
import math
import secrets

SMALL = [p for p in range(3, 4000, 2) if all(p % q for q in range(3, int(p ** 0.5) + 1, 2))]
E = 65537


def probably_prime(n, rounds=8):
    if any(n % p == 0 for p in SMALL):
        return False
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(rounds):
        x = pow(secrets.randbelow(n - 3) + 2, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(bits):
    while True:
        n = secrets.randbits(bits) | (3 << (bits - 2)) | 1
        if math.gcd(n - 1, E) == 1 and probably_prime(n):
            return n


def der(tag, body):
    size = len(body)
    head = bytes([size]) if size < 128 else bytes([0x80 + (size.bit_length() + 7) // 8]) \
        + size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + body


def der_int(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


RSA_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")


class Key:
    def __init__(self, bits=2048):
        p, q = prime(bits // 2), prime(bits // 2)
        self.n, self.size = p * q, bits // 8
        self.d = pow(E, -1, (p - 1) * (q - 1))
        self.id = secrets.token_hex(8)

    @property
    def public(self):
        numbers = der(0x30, der_int(self.n) + der_int(E))
        return base64.b64encode(der(0x30, RSA_ALGORITHM + der(3, b"\0" + numbers))).decode()

    def open(self, text):
        """The clear text of a base64 block, or None."""
        try:
            block = base64.b64decode(text, validate=True)
        except ValueError:
            return None
        if len(block) != self.size:
            return None
        clear = pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(self.size, "big")
        end = clear.find(b"\0", 2)
        if clear[:2] != b"\0\2" or end < 10:
            return None
        return clear[end + 1:].decode("utf-8", "replace")
