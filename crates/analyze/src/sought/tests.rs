//! One line each: files, what a span says, and what is said of it.

use super::*;

fn found(files: &[(&str, &str)], kind: SoughtKind, text: &str, is_whole: bool) -> String {
    let sought = Sought { kind, text: text.to_owned() };
    let mut search = CodeSearch::new(&[sought]);
    for (path, text) in files {
        search.read(path, text);
    }
    match search.finish(is_whole).remove(0) {
        None => "-".to_owned(),
        Some(found) => {
            let places: Vec<String> = found.places.iter().map(|at| format!("{}:{}", at.path, at.line)).collect();
            format!("{} {} {}", found.confidence.name(), found.candidates, places.join(" "))
        }
    }
}

#[track_caller]
fn route(files: &[(&str, &str)], text: &str, expected: &str) {
    assert_eq!(found(files, SoughtKind::Route, text, true), expected);
}

#[track_caller]
fn statement(files: &[(&str, &str)], text: &str, expected: &str) {
    assert_eq!(found(files, SoughtKind::Statement, text, true), expected);
}

#[test]
fn a_route_is_found_where_frameworks_declare_it() {
    for (path, line) in [
        ("a.py", "@app.get(\"/orders/{order_id}\")"),
        ("a.py", "@app.route('/orders/<int:order_id>')"),
        ("a.py", "@app.get(\n    \"/orders/{id}\",\n    response_model=Order,\n)"),
        ("a.py", "    path('orders/<int:pk>/', views.order),"),
        ("a.py", "    re_path(r'^orders/(?P<pk>\\d+)/$', views.order),"),
        ("a.py", "    Route('/orders/{id:int}', order),"),
        ("a.py", "app.router.add_get('/orders/{id}', order)"),
        ("a.py", "app.add_url_rule('/orders/<id>', view_func=order)"),
        ("a.js", "app.get('/orders/:id', async (req, res) => {"),
        ("a.ts", "fastify.get<{ Params: P }>; router.get(`/orders/:id`, order)"),
        ("a.js", "fastify.route({ method: 'GET', url: '/orders/:id', handler: order })"),
        ("a.go", "mux.HandleFunc(\"GET /orders/{id}\", order)"),
        ("a.go", "r.HandleFunc(\"/orders/{id:[0-9]+}\", order).Methods(\"GET\")"),
        ("a.go", "e.GET(\"/orders/:id\", order)"),
        ("a.go", "router.Handle(\"GET\", \"/orders/:id\", order)"),
        ("a.rs", "        .route(\"/orders/{id}\", get(order))"),
        ("a.rs", "#[get(\"/orders/{id}\")]"),
        ("A.java", "    @GetMapping(\"/orders/{id}\")"),
        ("A.java", "    @RequestMapping(value = \"/orders/{id}\", method = RequestMethod.GET)"),
        ("a.cs", "app.MapGet(\"/orders/{id}\", Order);"),
        ("a.cs", "[HttpGet(\"orders/{id}\")]"),
        ("a.rb", "get '/orders/:id' do"),
        ("a.php", "Route::get('/orders/{id}', [Orders::class, 'show']);"),
        ("a.ex", "  get \"/orders/:id\", OrderController, :show"),
    ] {
        let text = format!("\n{line}\n");
        let at = 2 + u32::from(line.contains("(\n"));
        let sought = if line.contains("path(") { "GET orders/{id}/" } else { "GET /orders/{id}" };
        route(&[(path, &text)], sought, &format!("exact 1 {path}:{at}"));
    }
}

#[test]
fn what_asks_a_server_declares_no_route() {
    for (path, line) in [
        ("a.py", "requests.get('/orders/1')"),
        ("a.py", "response = client.get('/orders', headers=h)"),
        ("a.js", "const all = await api.get('/orders', { params })"),
        ("a.js", "axios.get('/orders', { params })"),
        ("a.js", "fetch('/orders')"),
        ("a.js", "const x = { url: '/orders', method: 'GET' }"),
        ("a.tsx", "<Route path='/orders' element={<Orders />} />"),
        ("a.js", "request(app).get('/orders').expect(200)"),
        ("a.js", "// don't get '/orders'"),
        ("a.js", "  * app.get('/orders', all)"),
        ("a.py", "# @app.get('/orders')"),
        ("a.py", "\"\"\"Declare it:\n\n    @app.get('/orders')\n\"\"\""),
        ("README.md", "@app.get('/orders')"),
        ("node_modules/a.js", "app.get('/orders', x)"),
    ] {
        route(&[(path, line)], "GET /orders", "-");
    }
}

#[test]
fn a_route_of_another_method_is_another() {
    let app = "@app.route('/orders')\ndef all(): ...\n@app.route('/orders', methods=['POST'])\ndef new(): ...\n";
    route(&[("a.py", app)], "GET /orders", "exact 1 a.py:1");
    route(&[("a.py", app)], "POST /orders", "exact 1 a.py:3");
    route(&[("a.py", app)], "DELETE /orders", "-");
    route(&[("a.rs", ".route(\"/orders\", get(all).post(new))")], "POST /orders", "exact 1 a.rs:1");
    route(&[("a.js", "app.post('/orders', create)")], "GET /orders", "-");
}

#[test]
fn a_mounted_route_is_likely_where_its_prefix_is_declared_and_nothing_otherwise() {
    let blueprint =
        "bp = Blueprint('auth', __name__, url_prefix='/auth')\n@bp.route('/login', methods=('GET', 'POST'))\n";
    route(&[("auth.py", blueprint)], "POST /auth/login", "likely 1 auth.py:2");
    route(&[("auth.py", blueprint)], "POST /admin/login", "-");
    let controller = "@Controller('orders')\nexport class Orders {\n  @Get(':id')\n";
    route(&[("orders.ts", controller)], "GET /orders/:id", "likely 1 orders.ts:3");
    let app = "app.use('/api', orders)\n";
    let orders = "router.get('/orders/:id', one)\nrouter.get('/:id', other)\n";
    route(&[("app.js", app), ("orders.js", orders)], "GET /api/orders/:id", "likely 1 orders.js:1");
    route(&[("orders.js", orders)], "GET /api/orders/:id", "-");
    let urls = "path('shop/', include('shop.urls')),\n";
    route(
        &[("urls.py", urls), ("shop/urls.py", "path('orders/', all),\n")],
        "GET shop/orders/",
        "likely 1 shop/urls.py:1",
    );
    let groups = "v1 := r.Group(\"/v1\")\nv2 := r.Group(\"/v2\")\nv1.GET(\"/a/b\", x)\nv2.GET(\"/a/b\", y)\nr.GET(\"/a/b\", z)\n";
    route(&[("a.go", groups)], "GET /v2/a/b", "likely 1 a.go:4");
    let both = format!("{blueprint}@app.get('/health')\n");
    route(&[("auth.py", &both)], "GET /health", "exact 1 auth.py:3");
    // Below a prefix of its file it would be another route: what is whole is only likely.
    route(&[("auth.py", blueprint)], "GET /login", "likely 1 auth.py:2");
}

#[test]
fn several_places_are_counted_and_the_first_are_named() {
    let files: Vec<(String, String)> =
        (0..5).map(|at| (format!("s{at}.py"), "@app.get('/health')\n".to_owned())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    route(&files, "GET /health", "several 5 s0.py:1 s1.py:1 s2.py:1");
    let with_test = [("app.py", "@app.get('/x/y')"), ("tests/test_app.py", "@app.get('/x/y')")];
    route(&with_test, "GET /x/y", "exact 1 app.py:1");
    route(&with_test[1..], "GET /x/y", "likely 1 tests/test_app.py:1");
    let many: Vec<(String, String)> =
        (0..20).map(|at| (format!("s{at}.py"), "@app.get('/health')\n".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    route(&many, "GET /health", "-");
}

#[test]
fn where_files_are_missing_no_place_is_the_only_one() {
    let files = [("a.py", "@app.get('/orders')")];
    assert_eq!(found(&files, SoughtKind::Route, "GET /orders", false), "likely 1 a.py:1");
    let mounted = [("auth.py", "bp = Blueprint('a', __name__, url_prefix='/auth')\n@bp.get('/login')\n")];
    assert_eq!(found(&mounted, SoughtKind::Route, "GET /auth/login", false), "-");
}

#[test]
fn routes_without_a_fixed_part_are_not_searched() {
    for text in ["GET /{path}", "GET /*", "GET /:a/:b", "GET", "GET http://x y", "\u{1b}[31m/x", "GET /{"] {
        route(&[("a.py", "@app.get('/{path}')\n@app.get('/{')\n")], text, "-");
    }
    route(&[("a.py", "@app.get('/')\n")], "GET /", "exact 1 a.py:1");
    route(&[("a.py", "url = URL('')\n")], "GET /", "-");
    route(&[("a.py", "path('orders', all),\n")], "GET orders/", "-");
}

const WANTED: &str = "SELECT id, total FROM orders WHERE user_id = $1 AND state IN ($2, $3) ORDER BY id";

#[test]
fn a_statement_is_found_in_one_piece_or_several_with_any_placeholder() {
    for (path, text) in [
        ("a.py", "db.execute('SELECT id, total FROM orders WHERE user_id = ? AND state IN (?, ?) ORDER BY id', (u,))"),
        (
            "a.py",
            "db.execute(\n  \"SELECT id, total FROM orders \"\n  \"WHERE user_id = %s AND state IN ('open', 'paid') ORDER BY id\",\n)",
        ),
        (
            "a.py",
            "Q = \"\"\"\n  select id, total\n  from orders -- all\n  where user_id = %(user)s and state in ('a', 'b')\n  order by id\n\"\"\"",
        ),
        (
            "a.js",
            "q(`SELECT id, total FROM orders\n WHERE user_id = ${user} AND state IN ('open', 'paid') ORDER BY id`)",
        ),
        (
            "a.js",
            "q('SELECT id, total FROM orders ' +\n 'WHERE user_id = $1 AND state IN (\\'open\\') ' +\n 'ORDER BY id')",
        ),
        (
            "a.go",
            "db.Query(\"SELECT id, total FROM orders WHERE user_id = $1 AND state IN ('a')\" +\n\t\" ORDER BY id\", u)",
        ),
        (
            "A.java",
            "String q = \"SELECT id, total FROM orders WHERE user_id = :user \"\n + \"AND state IN (:states) ORDER BY id\";",
        ),
        (
            "a.rb",
            "q = <<~SQL\n  SELECT id, total FROM orders WHERE user_id = $1 AND state IN ('open', 'paid') ORDER BY id\nSQL\n",
        ),
        ("a.php", "$q = \"SELECT id, total FROM orders WHERE user_id = $user AND state IN ('open') ORDER BY id\";"),
        (
            "q.sql",
            "-- name: Orders :many\nSELECT id, total FROM orders\nWHERE user_id = $1 AND state IN ('a')\nORDER BY id;\n",
        ),
    ] {
        let line = text.find("SELECT").or_else(|| text.find("select")).map(|at| line_at(text, at)).unwrap();
        statement(&[(path, text)], WANTED, &format!("exact 1 {path}:{line}"));
    }
}

#[test]
fn a_statement_with_interpolated_parts_is_likely() {
    for text in [
        "f'SELECT {columns} FROM orders WHERE user_id = ? AND state IN ({marks}) ORDER BY id'",
        "'SELECT id, total FROM orders WHERE user_id = ? AND state IN (?)' + order",
        "'SELECT id, total FROM orders WHERE user_id = ? AND ' + states + ' ORDER BY id'",
        "f'SELECT id, total FROM orders WHERE user_id = ? AND state IN (?) {order}'",
    ] {
        statement(&[("a.py", text)], WANTED, "likely 1 a.py:1");
    }
    // Too little of it is left.
    statement(&[("a.py", "f'SELECT {columns} FROM {table} WHERE {where}'")], WANTED, "-");
}

#[test]
fn literals_distinguish_statements_that_differ_in_values_alone() {
    let recorded = "SELECT id, total FROM orders WHERE state = 'open' LIMIT 10";
    let bound = "q('SELECT id, total FROM orders WHERE state = ? LIMIT ?')";
    let same = "q(\"SELECT id, total FROM orders WHERE state = 'open' LIMIT 10\")";
    // What was sent may have been made of placeholders.
    statement(&[("a.py", bound)], recorded, "likely 1 a.py:1");
    // Nor is it where a test asks the very same, or expects it of a library.
    statement(&[("a.py", bound), ("tests/test_a.py", same)], recorded, "-");
    statement(&[("a.py", same), ("tests/test_a.py", same)], recorded, "likely 1 a.py:1");
    // A recorder may have taken them out.
    statement(&[("a.py", same)], "SELECT id, total FROM orders WHERE state = ? LIMIT ?", "exact 1 a.py:1");
}

#[test]
fn another_statement_or_a_part_of_one_is_not_it() {
    for text in [
        "'SELECT id, total FROM orders WHERE user_id = ? AND state IN (?) ORDER BY id DESC'",
        "'SELECT id, total FROM orders WHERE user_id = ? AND state IN (?)'",
        "'SELECT id, total FROM orders_old WHERE user_id = ? AND state IN (?) ORDER BY id'",
        "'INSERT INTO a SELECT id, total FROM orders WHERE user_id = ? AND state IN (?) ORDER BY id'",
        "select(Order.id, Order.total).where(Order.user_id == user)",
    ] {
        statement(&[("a.py", text)], WANTED, "-");
    }
}

#[test]
fn rows_of_values_are_one_and_plain_commands_are_not_searched() {
    let insert = "db.execute('INSERT INTO lines (a, b) VALUES (?, ?), (?, ?)')";
    statement(&[("a.py", insert)], "INSERT INTO lines (a, b) VALUES (?, ?), (?, ?), (?, ?)", "exact 1 a.py:1");
    for text in ["SELECT 1", "BEGIN", "COMMIT", "GET key", "{\"find\": \"orders\"}", "select", ""] {
        statement(&[("a.py", "'SELECT 1' 'BEGIN' 'GET key'")], text, "-");
    }
}

#[test]
fn hostile_text_ends_and_finds_nothing() {
    let deep = "'SELECT ".to_owned() + &"{a}".repeat(20_000) + " FROM orders'";
    let joined = "'SELECT ' + ".repeat(5_000);
    let quotes = "'\"`".repeat(20_000);
    let open = format!("@app.get('{}", "(".repeat(5_000));
    for text in [&deep, &joined, &quotes, &open] {
        let lines = text.as_bytes().chunks(3_000).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        for kind in [SoughtKind::Route, SoughtKind::Statement] {
            for sought in [WANTED, "GET /orders/{id}", "GET /", "SELECT a FROM orders é\u{202e}"] {
                assert_eq!(found(&[("a.py", &lines)], kind, sought, true), "-");
            }
        }
    }
}

#[test]
fn a_span_says_what_to_search_for() {
    let mut span = Span { kind: SpanKind::Server, name: "GET /orders/{id}".into(), ..Span::default() };
    let text = |span: &Span| Sought::of(span).map(|sought| sought.text);
    assert_eq!(text(&span).as_deref(), Some("GET /orders/{id}"));
    span.kind = SpanKind::Client;
    assert_eq!(text(&span), None);
    span.kind = SpanKind::Server;
    span.name = "orders".into();
    assert_eq!(text(&span), None);
}
