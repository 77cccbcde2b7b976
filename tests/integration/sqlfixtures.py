# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the SQL tests: one private server a session, one fresh world a test."""
import pytest

import moulds
from sqltest import Server, make_mould
from sqlworld import World

__all__ = ["sql_server", "world"]


@pytest.fixture(scope="session")
def sql_server():
    server = Server(moulds.once("sql", make_mould))
    yield server
    server.stop()


@pytest.fixture
def world(sql_server):
    url = sql_server.database()
    made = World(url)
    yield made
    made.close()
    sql_server.drop(url)
