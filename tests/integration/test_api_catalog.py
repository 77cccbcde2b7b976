# SPDX-License-Identifier: Apache-2.0
"""The REST catalogue: pages, filters, conditional reads, and what HTTP asks of every route."""
import shutil
import uuid

import pytest

from apiclient import Api, problem, serving
from support import TOP, http_request, wait_until


@pytest.fixture(scope="module")
def server(work_dir, migrated_db, redis, coko_bin):
    with serving(work_dir, migrated_db, redis.url) as one:
        yield one


@pytest.fixture
def api(server, migrated_db):
    return Api(server, migrated_db)


@pytest.fixture
def shelf(api):
    """40 more books: equal sort keys in groups of seven, another language among them (hard case 17)."""
    api.sql("""insert into catalog.book (slug, code, title, language, published_at, created_at, updated_at, parts, content_hash, search)
               select 'page-' || i, 5000 + i, 'Page ' || i, case when i %% 4 = 0 then 'wo' else 'fr' end,
                      '2025-01-01 00:00:00.25+00'::timestamptz + (i / 7) * interval '1 second', now(), now(), 1, '', ''
               from generate_series(1, 40) i""".replace("%%", "%"))
    yield api
    api.sql("delete from catalog.book where slug like 'page-%' or slug like 'new-%'")


def slugs(items):
    return [item["slug"] for item in items]


def published(api, where="true"):
    return [row[0] for row in api.sql(
        f"select slug from catalog.book b where status = 'published' and {where} order by published_at desc, id desc")]


def test_pages_are_the_full_set(shelf):
    """Hard case 17: equal sort keys; every page size gives the same walk as one statement."""
    for limit in (1, 3, 7, 20, 100):
        assert slugs(shelf.walk(f"/catalog/books?limit={limit}")) == published(shelf)
    assert slugs(shelf.walk("/catalog/books?limit=4&language=wo")) == published(shelf, "language = 'wo'")
    first = shelf.get("/catalog/books").json()
    assert len(first["data"]) == 20 and first["has_more"] and first["next_cursor"]


def test_pages_while_the_list_changes(shelf):
    """Hard case 16: rows come, go and move between the pages, the anchor among them."""
    stable = set(published(shelf)) - {"page-3"}

    def change(page):
        shelf.sql("""insert into catalog.book (slug, code, title, language, published_at, created_at, updated_at, parts, content_hash, search)
                     values (%s, %s, 'New', 'fr', now(), now(), now(), 1, '', '')""", (f"new-{page}", 6000 + page))
        if page == 1:
            shelf.sql("update catalog.book set published_at = now() where slug = 'page-3'")
    seen = slugs(shelf.walk("/catalog/books?limit=6", after_page=change))
    assert len(seen) == len(set(seen)) and stable <= set(seen)

    page = shelf.get("/catalog/books?limit=5").json()
    rest = published(shelf)[5:]
    shelf.sql("update catalog.book set status = 'archived' where slug = %s", (page["data"][-1]["slug"],))
    try:
        following = shelf.get(f"/catalog/books?limit=5&cursor={page['next_cursor']}").json()
        assert slugs(following["data"]) == rest[:5]
    finally:
        shelf.sql("update catalog.book set status = 'published' where status = 'archived'")


def test_category(api):
    category, language, count = api.sql(
        """select c.slug, n.lang, n.books from catalog.category_count n join catalog.category c on c.id = n.category_id
           order by n.books desc limit 1""")[0]
    items = api.walk(f"/catalog/books?limit=2&language={language}&category={category}")
    assert len(items) == count > 0
    assert all(category in [c["slug"] for c in item["categories"]] for item in items)
    assert problem(api.get(f"/catalog/books?category={category}"), 400, "bad_parameter")["errors"][0]["parameter"] == "language"
    assert api.get(f"/catalog/books?category=no-such&language={language}").json()["data"] == []


@pytest.mark.parametrize("limit", ["0", "-1", "101", "abc", "99999999999999999999", "1e1", "", "05", "%31%00"])
def test_limits(api, limit):
    """Hard case 11."""
    assert problem(api.get(f"/catalog/books?limit={limit}"), 400, "bad_parameter")["errors"][0]["parameter"] == "limit"


def test_cursor_of_another_list(shelf):
    """Hard case 18."""
    cursor = shelf.get("/catalog/books?limit=2&language=fr").json()["next_cursor"]
    assert shelf.get(f"/catalog/books?limit=9&language=fr&cursor={cursor}").status == 200
    problem(shelf.get(f"/catalog/books?limit=2&cursor={cursor}"), 400, "bad_cursor")
    problem(shelf.get(f"/catalog/books?limit=2&language=wo&cursor={cursor}"), 400, "bad_cursor")
    for forged in ("x", cursor[:-2], "B" + cursor[1:], cursor + "AA", "A" * 300):
        problem(shelf.get(f"/catalog/books?language=fr&cursor={forged}"), 400, "bad_cursor")
    problem(shelf.get("/catalog/books?cursor=" + "A" * 400), 400, "bad_parameter")


def test_unknown_parameters(api):
    body = problem(api.get("/catalog/books?offset=3&limit=2&q=x"), 400, "bad_parameter")
    assert [e["parameter"] for e in body["errors"]] == ["offset", "q"]
    slug = api.get("/catalog/books?limit=1").json()["data"][0]["slug"]
    problem(api.get(f"/catalog/books/{slug}?expand=all"), 400, "bad_parameter")


def test_detail(api):
    card = api.get("/catalog/books?limit=1").json()["data"][0]
    book = api.get(f"/catalog/books/{card['slug']}").json()
    assert {k: book[k] for k in card} == card
    assert [p["no"] for p in book["contents"]] == list(range(1, book["parts"] + 1))
    assert book["published_at"].endswith("Z") and "T" in book["published_at"]
    alias = api.get(f"/catalog/books/{card['slug']}/")
    assert alias.status == 200 and alias.json() == book
    problem(api.get("/catalog/books/no-such-book"), 404, "not_found")
    problem(api.get("/catalog/books/UPPER"), 400, "bad_parameter")
    api.sql("update catalog.book set status = 'draft' where slug = %s", (card["slug"],))
    try:
        problem(api.get(f"/catalog/books/{card['slug']}"), 404, "not_found")
    finally:
        api.sql("update catalog.book set status = 'published' where slug = %s", (card["slug"],))


def test_conditional_reads(api):
    slug = api.get("/catalog/books?limit=1").json()["data"][0]["slug"]
    for path in ("/catalog/books?limit=3", f"/catalog/books/{slug}"):
        whole = api.get(path)
        tag = whole.headers["etag"]
        assert tag.startswith('"') and whole.headers["cache-control"] == "public, max-age=60"
        for value in (tag, f'"x", W/{tag}', "*"):
            kept = api.get(path, headers={"If-None-Match": value})
            assert kept.status == 304 and kept.body == b"" and kept.headers["etag"] == tag, kept
        assert api.get(path, headers={"If-None-Match": '"other"'}).status == 200
        # Hard case 19: the tag is of the content, not of who asks.
        assert api.get(path, token="x.y.z").headers["etag"] == tag
    before = api.get(f"/catalog/books/{slug}").headers["etag"]
    title = api.sql("select title from catalog.book where slug = %s", (slug,))[0][0]
    api.sql("update catalog.book set title = 'Autre' where slug = %s", (slug,))
    try:
        after = api.get(f"/catalog/books/{slug}", headers={"If-None-Match": before})
        assert after.status == 200 and after.headers["etag"] != before
    finally:
        api.sql("update catalog.book set title = %s where slug = %s", (title, slug))


def test_methods_and_types(api):
    """Hard cases 2, 5 and 6."""
    send = api.daemon
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        refused = http(send, method, "/api/v1/catalog/books")
        problem(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    options = http(send, "OPTIONS", "/api/v1/catalog/books")
    assert options.status == 204 and options.headers["allow"] == "GET, HEAD, OPTIONS"
    problem(http(send, "OPTIONS", "/api/v1/nothing"), 404, "not_found")
    whole, head = api.get("/catalog/books?limit=2"), http(send, "HEAD", "/api/v1/catalog/books?limit=2")
    volatile = {"date", "x-request-id"}
    assert head.body == b"" and {k: v for k, v in head.headers.items() if k not in volatile} == \
        {k: v for k, v in whole.headers.items() if k not in volatile}
    problem(api.get("/catalog/books", headers={"Accept": "text/xml"}), 406, "not_acceptable")
    for kind in ("text/plain", "application/json; charset=iso-8859-1"):
        refused = api.post("/auth/otp/request", b"{}", headers={"Content-Type": kind})
        problem(refused, 415, "unsupported_media_type")
        assert refused.headers["accept"] == "application/json"


def http(daemon, method, path, **kwargs):
    return http_request(method, daemon.url + path, **kwargs)


def test_every_answer_carries(api):
    for answer in (api.get("/catalog/books"), api.get("/nope"), api.get("/reading/positions"), api.post("/auth/otp/verify", {})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].startswith("application/") and answer.headers["cache-control"]
    assert api.get("/catalog/books", headers={"X-Request-Id": "client-0001"}).headers["x-request-id"] == "client-0001"
    assert api.get("/catalog/books", headers={"X-Request-Id": "a b"}).headers["x-request-id"] != "a b"


def test_cors_and_hosts(daemon, migrated_db):
    """Hard case 9."""
    api = Api(daemon({"api": {"cors_allowed_origins": "https://app.example.org", "allowed_hosts": "127.0.0.1"}}), migrated_db)
    allowed = api.get("/catalog/books", headers={"Origin": "https://app.example.org"})
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.org" and allowed.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in allowed.headers
    for origin in ("null", "https://evil.example", "https://app.example.org.evil.example"):
        other = api.get("/catalog/books", headers={"Origin": origin})
        assert "access-control-allow-origin" not in other.headers and other.headers["vary"] == "Origin"
    preflight = http(api.daemon, "OPTIONS", "/api/v1/auth/otp/request",
                     headers={"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"})
    assert preflight.status == 204 and preflight.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert "Content-Type" in preflight.headers["access-control-allow-headers"] and preflight.headers["access-control-max-age"] == "600"
    assert api.get("/reading/positions").headers["vary"] == "Authorization, Origin"
    problem(api.get("/catalog/books", headers={"Host": "evil.example"}), 400, "bad_host")


def test_faults_in_routes_stop_the_start(daemon, work_dir, coko_bin):
    """Every fault is named with file and line; nothing serves half a table."""
    data = work_dir / f"data-{uuid.uuid4().hex[:6]}"
    for part in ("menus", "api/routes", "gateway/ussd/profiles", "deploy/schema"):
        shutil.copytree(TOP / part, data / part)
    routes = data / "api/routes/reading/routes.json"
    routes.write_text(routes.read_text().replace('"user"', '"nobody"', 1))
    broken = daemon({"coko": {"data_dir": data}}, wait=False)
    wait_until(lambda: any("reading/routes.json:4" in line.get("msg", "") for line in broken.log_lines()), broken.process.tail)
    wait_until(lambda: any(line["event"] != "worker started" and line["level"] == "error" for line in broken.log_lines()), "an error")
    broken.kill()
