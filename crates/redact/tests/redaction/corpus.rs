//! The labelled corpus: secrets in the forms in which they leak, and what looks like them.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use super::forms;

pub(crate) const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(crate) const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
pub(crate) const DIGITS: &str = "0123456789";
pub(crate) const HEX: &str = "0123456789abcdef";
pub(crate) const ROUNDS: usize = 12;

/// One text with its label.
#[derive(Debug)]
pub(crate) struct Case {
    /// What the text is an example of.
    pub kind: &'static str,
    /// The text.
    pub text: String,
    /// What must be gone; empty in a negative.
    pub secret: String,
}

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    /// Starts at `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }

    pub(crate) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Texts that hold a secret.
pub(crate) fn positives() -> Vec<Case> {
    let mut random = Random::new(1);
    let mut cases = Vec::new();
    for round in 0..ROUNDS {
        tokens(&mut random, round, &mut cases);
        named(&mut random, round, &mut cases);
        structured(&mut random, round, &mut cases);
        hard(&mut random, &mut cases);
        forms::vendors(&mut random, round, &mut cases);
        forms::names(&mut random, round, &mut cases);
        forms::structures(&mut random, &mut cases);
        forms::announced(&mut random, &mut cases);
    }
    cases
}

/// Secrets that no form gives away: some of them are missed, and the figures say so.
fn hard(random: &mut Random, cases: &mut Vec<Case>) {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let (words, short) = (random.text(LOWER, 10), format!("{}{}", random.text(LOWER, 4), random.text(DIGITS, 2)));
    let opaque = random.text(&alphanumeric, 34);
    let forms = [
        ("hard: prose", format!("the new password is {short}, do not share it"), &short),
        ("hard: words in yaml", format!("db:\n  password: {words}\n"), &words),
        ("hard: bare token", format!("using {opaque} for downloads"), &opaque),
        ("hard: percent-encoded", format!("redirect=https%3A%2F%2Fa%2Fcb%3Ftoken%3D{opaque}"), &opaque),
        ("hard: argument list", format!("[\"mysql\", \"--password\", \"{short}\"]"), &short),
        ("hard: two lines", format!("password:\n  {short}\n"), &short),
    ];
    for (kind, text, secret) in forms {
        cases.push(Case { kind, text, secret: secret.clone() });
    }
}

/// Sentences, logs, code and commands around a token that says by its form what it is.
pub(crate) fn wrapped(random: &mut Random, round: usize, token: &str) -> String {
    let word = random.text(LOWER, 6);
    match round % 8 {
        0 => token.to_owned(),
        1 => format!("{word} {token} {word}"),
        2 => format!("{{\"{word}\":\"{token}\"}}"),
        3 => format!("curl -H 'X-{word}: {token}' https://example.org/{word}"),
        4 => format!("https://example.org/{word}?k={token}&{word}=1"),
        5 => format!("+{word} = \"{token}\"\n-{word} = None"),
        6 => format!("error: {word} rejected ({token})."),
        _ => format!("export {}={token}", word.to_uppercase()),
    }
}

fn tokens(random: &mut Random, round: usize, cases: &mut Vec<Case>) {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let url = format!("{alphanumeric}-_");
    let github = random.text(&alphanumeric, 30);
    let checked = format!("ghp_{github}{}", base62(crc32(github.as_bytes())));
    // The last byte is no dash: a dash at the end of a token belongs to the text around it.
    let mut tail = |length: usize| format!("{}{}", random.text(&url, length - 2), random.text(DIGITS, 2));
    let made = [
        ("anthropic", format!("sk-ant-api03-{}", tail(95))),
        ("gitlab", format!("glpat-{}", tail(20))),
        ("google", format!("AIza{}", tail(35))),
        ("google client", format!("GOCSPX-{}", tail(28))),
        ("openai project", format!("sk-proj-{}", tail(120))),
        ("vault", format!("hvs.{}", tail(90))),
        ("pypi", format!("pypi-AgEIcHlwaS5vcmc{}", tail(120))),
        ("docker", format!("dckr_pat_{}", tail(27))),
    ];
    let plain = [
        ("aws", format!("AKIA{}", random.text(&format!("{UPPER}234567"), 16))),
        ("aws session", format!("ASIA{}", random.text(&format!("{UPPER}234567"), 16))),
        ("github", checked),
        ("github server", format!("ghs_{}", random.text(&alphanumeric, 36))),
        ("github fine", format!("github_pat_{}_{}", random.text(&alphanumeric, 22), random.text(&alphanumeric, 59))),
        (
            "slack",
            format!("xoxb-{}-{}-{}", random.text(DIGITS, 12), random.text(DIGITS, 12), random.text(&alphanumeric, 24)),
        ),
        ("stripe", format!("sk_live_{}", random.text(&alphanumeric, 24))),
        ("stripe test", format!("rk_test_{}", random.text(&alphanumeric, 99))),
        ("openai", format!("sk-{}T3BlbkFJ{}", random.text(&alphanumeric, 20), random.text(&alphanumeric, 20))),
        ("npm", format!("npm_{}", random.text(&alphanumeric, 36))),
        ("digitalocean", format!("dop_v1_{}", random.text(HEX, 64))),
        ("shopify", format!("shpat_{}", random.text(HEX, 32))),
        ("groq", format!("gsk_{}", random.text(&alphanumeric, 52))),
    ];
    for (kind, token) in made.into_iter().chain(plain) {
        let text = wrapped(random, round, &token);
        cases.push(Case { kind, text, secret: token });
    }
    let path = format!("T{}/B{}/{}", random.text(UPPER, 8), random.text(UPPER, 8), random.text(&alphanumeric, 24));
    cases.push(Case {
        kind: "slack webhook",
        text: format!("POST https://hooks.slack.com/services/{path}"),
        secret: path,
    });
}

fn named(random: &mut Random, round: usize, cases: &mut Vec<Case>) {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let password = format!("{}{}{}", random.text(LOWER, 5), random.text(DIGITS, 3), random.text("!%+#_", 1));
    let opaque = format!("{}{}", random.text(&alphanumeric, 22), random.text(DIGITS, 2));
    let user = random.text(LOWER, 5);
    let forms = [
        ("password env", format!("DB_HOST=db\nDB_PASSWORD={password}\nDB_PORT=5432"), &password),
        ("password json", format!("{{\"user\": \"{user}\", \"password\": \"{password}\"}}"), &password),
        ("password json escaped", format!("{{\\\"passwd\\\":\\\"{password}\\\"}}"), &password),
        ("password yaml", format!("database:\n  user: {user}\n  password: {password}\n"), &password),
        ("password flag", format!("mysql --user {user} --password {password} app"), &password),
        ("password flag tight", format!("psql --password={password} -U {user}"), &password),
        ("password python", format!("connect(user='{user}', password='{password}')"), &password),
        ("password sql", format!("ALTER USER {user} WITH PASSWORD '{password}'"), &password),
        ("password dotnet", format!("Server=db;User Id={user};Password={password};Encrypt=true"), &password),
        ("password xml", format!("<user>{user}</user><password>{password}</password>"), &password),
        ("password log", format!("login of {user} with password={password}, retrying"), &password),
        ("secret env", format!("CLIENT_SECRET={opaque}"), &opaque),
        ("secret json", format!("{{\"clientSecret\":\"{opaque}\",\"id\":7}}"), &opaque),
        ("secret aws", format!("aws_secret_access_key = {opaque}"), &opaque),
        ("secret toml", format!("[auth]\nsecret = \"{opaque}\""), &opaque),
        ("token query", format!("GET /me?access_token={opaque}&page=2 HTTP/1.1"), &opaque),
        ("token json", format!("{{\"refresh_token\": \"{opaque}\", \"expires_in\": 3600}}"), &opaque),
        ("token flag", format!("deploy --token {opaque} --region eu"), &opaque),
        ("token header", format!("X-Auth-Token: {opaque}\r\nAccept: */*"), &opaque),
        ("api key query", format!("https://api.example.org/v1?api_key={opaque}"), &opaque),
        ("api key header", format!("curl -H \"X-Api-Key: {opaque}\" https://example.org"), &opaque),
        ("api key camel", format!("client = Client(apiKey=\"{opaque}\")"), &opaque),
        ("account key", format!("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={opaque}==;"), &opaque),
        ("bearer", format!("Authorization: Bearer {opaque}"), &opaque),
        ("bearer json", format!("{{\"headers\": {{\"authorization\": \"Bearer {opaque}\"}}}}"), &opaque),
        ("bearer alone", format!("sent Bearer {opaque} to upstream"), &opaque),
        ("authorization plain", format!("authorization: {opaque}"), &opaque),
    ];
    for (kind, text, secret) in forms {
        cases.push(Case { kind, text, secret: secret.clone() });
    }
    let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let text = if round.is_multiple_of(2) {
        format!("Authorization: Basic {basic}")
    } else {
        format!("proxy sent Basic {basic}")
    };
    cases.push(Case { kind: "basic", text, secret: basic });
}

fn structured(random: &mut Random, round: usize, cases: &mut Vec<Case>) {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let password = format!("{}{}", random.text(LOWER, 6), random.text(DIGITS, 2));
    let scheme = random.pick(&["postgres", "postgresql+asyncpg", "mysql", "amqp", "redis", "mongodb+srv", "https"]);
    let text = format!("connecting to {scheme}://{}:{password}@db.internal:5432/app?ssl=1", random.text(LOWER, 4));
    cases.push(Case { kind: "url", text, secret: format!(":{password}@") });

    let payload = format!("{{\"sub\":\"{}\",\"exp\":17{}}}", random.text(DIGITS, 9), random.text(DIGITS, 8));
    let header = BASE64_URL_SAFE_NO_PAD
        .encode(random.pick(&["{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"kid\":\"a\",\"alg\":\"RS256\"}"]));
    let jwt = format!("{header}.{}.{}", BASE64_URL_SAFE_NO_PAD.encode(payload), random.text(&alphanumeric, 43));
    let text = wrapped(random, round, &jwt);
    cases.push(Case { kind: "jwt", text, secret: jwt });

    let label = random.pick(&["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "]);
    let lines: Vec<String> = (0..5).map(|_| random.text(&alphanumeric, 64)).collect();
    let text = format!(
        "key:\n-----BEGIN {label}PRIVATE KEY-----\n{}\n-----END {label}PRIVATE KEY-----\ndone",
        lines.join("\n")
    );
    cases.push(Case { kind: "private key", text, secret: lines[2].clone() });

    let session = random.text(&alphanumeric, 26);
    let text =
        format!("{}ookie: theme=dark; session={session}\r\nHost: example.org", random.pick(&["C", "c", "Set-C"]));
    cases.push(Case { kind: "cookie", text, secret: session });

    let signature = random.text(HEX, 64);
    let text = format!("https://s3.example.org/a?X-Amz-Expires=60&X-Amz-Signature={signature}");
    cases.push(Case { kind: "signature", text, secret: signature });

    let card = card(random, round);
    let text = [format!("card {card} was refused"), format!("{{\"pan\":\"{card}\"}}"), card.clone()][round % 3].clone();
    cases.push(Case { kind: "card", text, secret: card });

    let iban = iban(random, round);
    let text = [format!("paid to {iban}."), format!("{{\"iban\":\"{iban}\"}}"), iban.clone()][round % 3].clone();
    cases.push(Case { kind: "iban", text, secret: iban });
}

fn card(random: &mut Random, round: usize) -> String {
    let (prefix, length) = [("4", 16), ("52", 16), ("37", 15), ("6011", 16)][round % 4];
    let body = format!("{prefix}{}", random.text(DIGITS, length - prefix.len() - 1));
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0') * if index % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    let number = format!("{body}{}", (10 - sum % 10) % 10);
    match (round % 3, length) {
        (1, 16) => [&number[..4], &number[4..8], &number[8..12], &number[12..]].join(" "),
        (2, 16) => [&number[..4], &number[4..8], &number[8..12], &number[12..]].join("-"),
        _ => number,
    }
}

fn iban(random: &mut Random, round: usize) -> String {
    let (country, account) = match round % 3 {
        0 => ("DE", random.text(DIGITS, 18)),
        1 => ("NL", format!("{}{}", random.text(UPPER, 4), random.text(DIGITS, 10))),
        _ => ("GB", format!("{}{}", random.text(UPPER, 4), random.text(DIGITS, 14))),
    };
    let remainder = format!("{account}{country}00").bytes().fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    let compact = format!("{country}{:02}{account}", 98 - remainder);
    if round.is_multiple_of(2) {
        return compact;
    }
    compact.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect::<Vec<_>>().join(" ")
}

fn base62(mut number: u32) -> String {
    let digits: Vec<char> = format!("{DIGITS}{UPPER}{LOWER}").chars().collect();
    let mut text = Vec::new();
    for _ in 0..6 {
        text.push(digits[(number % 62) as usize]);
        number /= 62;
    }
    text.iter().rev().collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Texts without a secret.
pub(crate) fn negatives() -> Vec<Case> {
    let mut random = Random::new(2);
    let mut cases = Vec::new();
    let mut add = |kind, text| cases.push(Case { kind, text, secret: String::new() });
    for _ in 0..40 {
        for (kind, text) in identifiers(&mut random).into_iter().chain(programs(&mut random)).chain(lines(&mut random))
        {
            add(kind, text);
        }
    }
    for text in WRITTEN {
        add("written", (*text).to_owned());
    }
    cases
}

fn identifiers(random: &mut Random) -> Vec<(&'static str, String)> {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let uuid = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length)).join("-");
    let (sha, sha256) = (random.text(HEX, 40), random.text(HEX, 64));
    let (trace, span) = (random.text(HEX, 32), random.text(HEX, 16));
    let nanos = format!("17{}", random.text(DIGITS, 17));
    let (word, other) = (random.text(LOWER, 7), random.text(LOWER, 5));
    let bytes: Vec<u8> = (0..240).map(|_| random.below(256) as u8).collect();
    let image = BASE64_STANDARD.encode(bytes);
    let number = random.below(90_000);
    let order = random.text(DIGITS, 12);
    let integrity = BASE64_STANDARD.encode(random.text(&alphanumeric, 64));
    let version = format!("{}.{}", random.below(20), random.below(90));
    let mut made = telemetry(random);
    made.extend([
        ("uuid", uuid.clone()),
        ("uuid in url", format!("GET /api/v1/{word}/{uuid}?page={number}&sort={other}")),
        ("git sha", format!("commit {sha}\nAuthor: {word} <{word}@example.org>")),
        ("digest", format!("pulled {word}@sha256:{sha256}")),
        ("traceparent", format!("00-{trace}-{span}-01")),
        ("trace ids", format!("trace_id={trace} span_id={span} level=info msg=\"{word} {other}\"")),
        ("nanoseconds", format!("{{\"start_unix_nanos\":{nanos},\"duration_nanos\":{number}}}")),
        ("hard: long number", format!("order {} was shipped", random.text(DIGITS, 16))),
        ("hard: lexer", format!("token: IDENT{number} at {version}, secret: SANTA{number}")),
        ("hard: cache key", format!("cache lookup token={word}-{number} hit")),
        ("order", format!("order {order} shipped to {word}, tracking 1Z{}", random.text(DIGITS, 9))),
        ("image", format!("<img src=\"data:image/png;base64,{image}\">")),
        ("integrity", format!("\"integrity\": \"sha512-{integrity}\"")),
    ]);
    made
}

/// What telemetry is full of and what a name or a form brings close to a secret.
fn telemetry(random: &mut Random) -> Vec<(&'static str, String)> {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let uuid = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length)).join("-");
    let (digest, sum) = (random.text(HEX, 32), random.text(HEX, 64));
    let word = random.text(LOWER, 7);
    let account = random.text(DIGITS, 12);
    let bytes: Vec<u8> = (0..32).map(|_| random.below(256) as u8).collect();
    vec![
        ("cache key", format!("cache_key={digest} hit")),
        ("message key", format!("messaging.kafka.message.key={uuid}")),
        ("partition key", format!("{{\"partitionKey\":\"{uuid}\",\"routingKey\":\"{word}.{digest}\"}}")),
        ("idempotency key", format!("Idempotency-Key: {uuid}")),
        ("public key", format!("\"publicKey\": \"{}\"", BASE64_STANDARD.encode(&bytes))),
        ("websocket key", format!("Sec-WebSocket-Key: {}", BASE64_STANDARD.encode(&bytes[..16]))),
        ("key in prose", format!("lookup of key {uuid} took 3 ms; token validated for {uuid}")),
        ("duplicate key", format!("Duplicate entry '{uuid}' for key 'orders.PRIMARY'")),
        (
            "secret's resource",
            format!("arn:aws:secretsmanager:eu-west-1:{account}:secret:{word}/db-password-{}", &digest[..6]),
        ),
        ("kms resource", format!("arn:aws:kms:us-east-1:{account}:key/{uuid}")),
        ("pod", format!("{word}-api-{}-{}", random.text("bcdfghjklmnpqrstvwxz2456789", 10), random.text(LOWER, 5))),
        ("container", format!("cri-containerd-{sum}.scope in image {word}@sha256:{sum}")),
        ("object", format!("s3://{word}/part-00012-{uuid}-c000.snappy.parquet")),
        ("tracing header", format!("Root=1-{}-{};Parent={};Sampled=1", &digest[..8], &digest[..24], &digest[..16])),
        ("request id", format!("X-Request-Id: {}", random.text(&alphanumeric, 32))),
        (
            "prefixed id",
            format!("{}_{} created", random.pick(&["cus", "pi", "evt", "user", "req"]), random.text(&alphanumeric, 24)),
        ),
        ("publishable key", format!("pk_live_{}", random.text(&alphanumeric, 24))),
        ("mangled name", format!("_ZN5tokio7runtime4task7harness20Harness4poll17h{}E", &digest[..16])),
        (
            "store path",
            format!("/nix/store/{}-{word}-1.2.3/bin/{word}", random.text("0123456789abcdfghijklmnpqrsvwxyz", 32)),
        ),
        ("chunk", format!("/static/js/main.{}.chunk.js /assets/img_{digest}.webp", &digest[..8])),
        ("service's trace", format!("sentry-trace: {digest}-{} x-datadog-parent-id: {}", &digest[..16], &account)),
        ("service's id", format!("stripe.customer={digest} heroku.request_id={uuid} github: {sum}")),
        ("service's package", format!("\"mapbox\": \"sha512-{}\" com.datadog:{uuid}", BASE64_STANDARD.encode(&bytes))),
        ("release", format!("release=orders-api@{digest} revision: {sum} checkout={uuid} segment={digest}")),
        ("interface's image", format!("orders-api: {sum} cart_api={uuid}")),
        ("id on its own line", format!("Request ID\n{uuid}\ncommit\n{digest}\n")),
        (
            "paired schema",
            format!(
                "{{\"name\": \"{word}\", \"value\": \"{uuid}\"}}, {{\"name\": \"password\", \"value\": \"string\"}}"
            ),
        ),
    ]
}

fn programs(random: &mut Random) -> Vec<(&'static str, String)> {
    let (word, other) = (random.text(LOWER, 7), random.text(LOWER, 5));
    let number = random.below(90_000);
    let span = random.text(HEX, 16);
    let time = random.pick(&["2026-03-11T01:42:07.184Z", "2025-12-31T23:59:59.999999Z"]);
    vec![
        (
            "sql",
            format!("SELECT id, {word} FROM {other} WHERE {word}_id = {number} AND created_at > '{time}' LIMIT 50"),
        ),
        ("sql password", format!("SELECT id FROM {other} WHERE email = $1 AND password = crypt($2, password)")),
        ("sql insert", format!("INSERT INTO {word} (id, token, {other}) VALUES ($1, $2, '{word}')")),
        (
            "python frame",
            format!(
                "  File \"/app/{word}/{other}.py\", line {number}, in get_{other}_token\n    return self.{word}(token)"
            ),
        ),
        ("java frame", format!("at org.example.{word}.TokenFilter.doFilter(TokenFilter.java:{number})")),
        (
            "rust frame",
            format!("  {number}: core::{word}::{other}::h{span}\n             at ./src/{word}.rs:{number}:9"),
        ),
        ("code call", format!("{word} = load_secret({other}, token=token, password=self.{word})")),
        ("code types", format!("def login(user: str, password: str, token: Optional[str] = None) -> {word}:")),
        ("code compare", format!("if secret == expected_{word} or token != {other}.token:")),
        ("code env", format!("const {word} = process.env.API_KEY; let token = config.{word}.token;")),
        (
            "workflow",
            format!("    token: ${{{{ secrets.{} }}}}\n    uses: {word}/{other}@v{number}", word.to_uppercase()),
        ),
    ]
}

fn lines(random: &mut Random) -> Vec<(&'static str, String)> {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let (word, other) = (random.text(LOWER, 7), random.text(LOWER, 5));
    let number = random.below(90_000);
    let version = format!("{}.{}.{}", random.below(20), random.below(20), random.below(90));
    let time = format!(
        "2026-0{}-1{}T0{}:1{}:2{}.{}Z",
        1 + random.below(8),
        random.below(9),
        random.below(9),
        random.below(9),
        random.below(9),
        random.text(DIGITS, 6)
    );
    let mac = (0..6).map(|_| random.text(HEX, 2)).collect::<Vec<_>>().join(":");
    vec![
        ("log", format!("{time} INFO {word}: processed {number} tokens in {version} s ({other})")),
        (
            "usage",
            format!("{{\"input_tokens\":{number},\"output_tokens\":12,\"max_tokens\":4096,\"token_type\":\"{word}\"}}"),
        ),
        ("paging", format!("GET /{word}?nextPageToken={}&limit={number}", random.text(&alphanumeric, 24))),
        ("url", format!("https://{word}.example.org:8443/{other}/{number}?q={word}+{other}#{word}")),
        ("email", format!("{word}.{other}@example.org wrote to {other}@{word}.example")),
        ("ssh", format!("git clone git@{word}.example:{other}/{word}.git && cd {word}")),
        ("scoped package", format!("https://registry.example.org/@{word}/{other}/-/{other}-{version}.tgz")),
        ("mac address", format!("{mac} 10.0.{}.{} {word}", random.below(255), random.below(255))),
        ("user agent", format!("Mozilla/5.0 (X11; Linux x86_64) {word}/{version} Safari/537.36")),
        ("phone", format!("+49 30 {} {}", random.text(DIGITS, 4), random.text(DIGITS, 4))),
        (
            "float",
            format!(
                "[0.{}, -1.{}, 3.{}e-7]",
                random.text(DIGITS, 16),
                random.text(DIGITS, 16),
                random.text(DIGITS, 15)
            ),
        ),
        (
            "css",
            format!(
                ".sk-{word}-{other} {{ animation: sk-{other} 1.2s; }} .task-{number} .risk-{word}-{other}-{word} {{}}"
            ),
        ),
        ("prose", format!("The {word} password must not be empty; ask {other} for a token or reset the secret.")),
        ("bearer prose", format!("Bearer authentication is basic {word}; see the Authorization header of {other}.")),
        ("help", format!("  --password <PASSWORD>  the {word}\n  --token TOKEN          the {other}")),
        ("placeholder", format!("password=********, token=<{word}>, api_key=your-api-key-here, secret=${{SECRET}}")),
    ]
}

/// Texts that people write and that generators do not think of.
const WRITTEN: &[&str] = &[
    "Set-Cookie header missing",
    "cookie: none",
    "Authorization: required",
    "authorization failed for user 12",
    "{\"password\": null, \"token\": \"\", \"secret\": false}",
    "{\"type\": \"password\", \"name\": \"password\", \"required\": true}",
    "<input type=\"password\" name=\"password\" placeholder=\"Password\">",
    "Password: ",
    "Enter password:",
    "password incorrect",
    "invalid token: unexpected ','",
    "Unexpected token < in JSON at position 0",
    "SyntaxError: invalid token (<string>, line 1)",
    "token: string;",
    "api_key: &str,",
    "impl Secret for Token {}",
    "struct Claims { token: String, secret: SecretString }",
    "let token = lexer.next_token()?;",
    "self.password = password",
    "this.token = token;",
    "password = os.environ[\"DB_PASSWORD\"]",
    "password = getpass.getpass()",
    "token=$(cat token.txt)",
    "PWD=/srv/app OLDPWD=/srv",
    "PGPASSWORD=$PGPASSWORD psql",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "postgres://localhost/app",
    "postgres://ada@localhost/app",
    "postgres://ada:****@localhost/app",
    "postgres://${USER}:${PASSWORD}@localhost/app",
    "http://[::1]:4318/v1/traces",
    "https://example.org/@ada/posts/1234567890123456",
    "see https://example.org:443, mail ada@example.org",
    "tests/test_token.py::test_api_key_is_required PASSED",
    "test_secret_rotation (tests.test_auth.SecretTest) ... ok",
    "mask_test_case_123456789012345 sk_test_",
    "GET /oauth/token HTTP/1.1",
    "POST /v1/password/reset",
    "grant_type=client_credentials&scope=read",
    "csrf token mismatch",
    "The basic idea of basic dynamics: basic understanding",
    "bearer of bad news",
    "SELECT count(*) FROM tokens WHERE secret IS NULL",
    "eyJ is how base64 of JSON begins",
    "AKIA is a prefix, and so is ASIA PACIFIC",
    "npm_config_registry=https://registry.example.org npm_lifecycle_event=test",
    "xoxb- tokens are for bots",
    "4111 is a number, 5500-0000 another",
    "1234567890123456789012345678901234567890",
    "0000000000000000 1111111111111111",
    "2026-11-21 04:37:00 2026-11-22 05:38:01",
    "DE12 is a postcode",
    "IBAN invalid: DE00 0000 0000 0000 0000 00",
    "version 1.2.3.4, build 20261121.1234567",
    "AWS_REGION=eu-central-1 AWS_PROFILE=default",
    "key=value; other_key=other_value",
    "12 tests pass: 11, fail: 1",
    "{\"pass\": 12, \"fail\": 0, \"bypass\": \"cache1\"}",
    "bypass=true1 compass=north2 by-pass: lane3",
    "curl -u $USER:$PASSWORD https://example.org",
    "curl -sSL https://example.org/install.sh | sh -u x",
    "CREATE USER ada IDENTIFIED BY $1",
    "primary_key: order_id1, foreign_key=user_id2, sort_key = created_at3, cache_key: home-v12",
    "partition-key: tenant42, row-key: order-17",
    "author=\"Ada\" oauth=enabled auth=none",
    "sig=SIGTERM, sig=11, significant=0.05",
    "the signature=def login(user, password)",
    "sk_buff_head_init, sk_alloc_percpu_counters2, re_search_pattern_1",
    "test_api_client_returns_200_when_the_order_exists, load_test_v1_results_2026",
    "cus_NffrFeUfNV2Hib pi_3MtwBwLkdIwHu7ix28a3tqPa msg_01XFDUDYJgAACzvnptvVoYEL toolu_01A09q90qw90lq917835lq9",
    "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
    "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "registry.example.org/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "password:\n  rules:\n    length: 12",
    "secret:\n  name: db-credentials\n  key: url",
    "key-value store, key-frame, key-0123456789",
    "2026-us-east-1 data-us7 eu-west-3",
    "login ada, no password needed",
    "pat.matches(text) sat.solve(x) dapi://host API-Gateway API-VERSION-2",
    "enable password protection, then press key 7 of 10",
    "the secret 5 ingredients and a password 7 characters long",
    "socket.connect(\"a\", \"b\", \"c12\") mysql_connect($host, $user, $password)",
    "psycopg2.connect(host=host, password=password)",
    "the community meets, snmp-server community <name> RW",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\nmQEN\n-----END PGP PUBLIC KEY BLOCK-----",
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI=",
    "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    "Content-Type: application/json; charset=utf-8",
    "ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
    "keyboard_key: Enter, primary_key: id, foreign_key: user_id",
    "hash: $2b$12$ is how bcrypt begins",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada@example",
];
