//! Forms that services and scanners publish: tokens by prefix, alphabet and length, names of variables and headers, and
//! files that hold keys. A third of the kinds was not seen while the rules were written; see `docs/redaction.md`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::corpus::{Case, DIGITS, HEX, LOWER, Random, UPPER, wrapped};

/// The letters of a token's random part.
#[derive(Clone, Copy)]
enum Letters {
    /// Of both cases, and digits.
    Any,
    /// Those of base64url.
    Url,
    /// Small ones and digits.
    Small,
    /// Capitals and digits.
    Capital,
    /// Hexadecimal digits.
    Hex,
}

use Letters::{Any, Capital, Hex, Small, Url};

/// Kind, prefix of the random part, its letters, its length.
const VENDORS: &[(&str, &str, Letters, usize)] = &[
    ("adafruit", "aio_", Any, 28),
    ("adobe", "p8e-", Small, 32),
    ("aikido", "AIK_SECRET_", Any, 64),
    ("alibaba", "LTAI", Any, 20),
    ("apify", "apify_api_", Any, 36),
    ("artifactory", "AKCp", Any, 69),
    ("asaas", "$aact_prod_", Any, 60),
    ("astra", "AstraCS:", Any, 24),
    ("atlassian", "ATATT3", Url, 186),
    ("bedrock", "ABSK", Any, 109),
    ("bitbucket", "ATBB", Any, 32),
    ("buildkite", "bkua_", Small, 40),
    ("cerebras", "csk-", Small, 48),
    ("circleci", "CCIPAT_", Any, 62),
    ("clojars", "CLOJARS_", Small, 60),
    ("cloudflare", "cfat_", Any, 48),
    ("contentful", "CFPAT-", Url, 43),
    ("databricks", "dapi", Hex, 32),
    ("deno", "ddp_", Any, 36),
    ("docker oat", "dckr_oat_", Url, 32),
    ("doppler", "dp.pt.", Any, 43),
    ("duffel", "duffel_live_", Url, 43),
    ("dynatrace", "dt0c01.", Capital, 88),
    ("easypost", "EZAK", Small, 54),
    ("facebook", "EAAC", Any, 160),
    ("figma", "figd_", Url, 40),
    ("firecrawl", "fc-", Hex, 32),
    ("flutterwave", "FLWSECK_TEST-", Hex, 32),
    ("gitlab deploy", "gldt-", Url, 20),
    ("gitlab job", "glcbt-", Url, 24),
    ("gitlab runner", "glrt-", Url, 20),
    ("gitlab trigger", "glptt-", Hex, 40),
    ("google refresh", "1//0", Url, 96),
    ("grafana cloud", "glc_", Any, 64),
    ("grafana service", "glsa_", Any, 41),
    ("heroku", "HRKU-", Url, 60),
    ("hubspot", "pat-na1-", Hex, 36),
    ("huggingface", "hf_", Any, 34),
    ("infracost", "ico-", Any, 32),
    ("jina", "jina_", Any, 60),
    ("labelbox", "lbx_", Any, 43),
    ("langfuse", "sk-lf-", Hex, 32),
    ("langsmith", "lsv2_pt_", Hex, 43),
    ("linear", "lin_api_", Any, 40),
    ("mailersend", "mlsn.", Hex, 64),
    ("mailgun", "key-", Hex, 32),
    ("mongodb atlas", "mdb_sa_sk_", Any, 40),
    ("neon", "napi_", Small, 64),
    ("netlify", "nfp_", Any, 36),
    ("newrelic", "NRAK-", Capital, 27),
    ("notion", "ntn_", Any, 46),
    ("notion old", "secret_", Any, 43),
    ("nuget", "oy2", Small, 43),
    ("nvidia", "nvapi-", Url, 64),
    ("octopus", "API-", Capital, 26),
    ("openrouter", "sk-or-v1-", Hex, 64),
    ("openshift", "sha256~", Url, 43),
    ("packagist", "packagist_uot_", Hex, 68),
    ("perplexity", "pplx-", Any, 48),
    ("pinecone", "pcsk_", Any, 69),
    ("planetscale", "pscale_tkn_", Url, 43),
    ("postman", "PMAT-", Capital, 26),
    ("prefect", "pnu_", Any, 36),
    ("pulumi", "pul-", Hex, 40),
    ("razorpay", "rzp_live_", Any, 14),
    ("readme", "rdme_", Small, 70),
    ("render", "rnd_", Any, 28),
    ("replicate", "r8_", Any, 37),
    ("rubygems", "rubygems_", Hex, 48),
    ("sendinblue", "xkeysib-", Hex, 64),
    ("sentry", "sntryu_", Hex, 64),
    ("shippo", "shippo_live_", Hex, 40),
    ("shopify secret", "shpss_", Hex, 32),
    ("slack app", "xapp-1-", Any, 70),
    ("slack session", "xoxc-", Any, 60),
    ("sonarqube", "squ_", Hex, 40),
    ("sourcegraph", "sgp_", Hex, 40),
    ("square", "sq0atp-", Url, 22),
    ("stripe restricted", "rk_prod_", Any, 40),
    ("supabase", "sb_secret_", Url, 31),
    ("supabase management", "sbp_", Hex, 40),
    ("swarm", "SWMTKN-1-", Small, 76),
    ("tailscale", "tskey-auth-", Any, 36),
    ("tavily", "tvly-", Any, 32),
    ("telegram", "7301948265:AA", Any, 33),
    ("terraform", "kTz5rQ9wLm2vXy.atlasv1.", Any, 67),
    ("typeform", "tfp_", Any, 44),
    ("vault batch", "hvb.", Any, 140),
    ("vercel", "vcp_", Any, 56),
    ("wandb", "wandb_v1_", Any, 77),
    ("xai", "xai-", Any, 80),
    ("xendit", "xnd_production_", Any, 60),
    ("yandex", "AQVN", Url, 36),
    ("unlisted service", "acme_", Any, 40),
    ("unlisted service, small letters", "acme_", Small, 48),
    ("unlisted key", "ajkey_", Small, 26),
    ("unlisted personal token", "acme-pat-", Any, 24),
    ("unlisted marked", "acme_live_", Any, 24),
    ("paseto", "v4.local.", Url, 120),
    ("aiven", "AVNS_", Any, 20),
    ("facebook page", "EAAG", Any, 150),
    ("crates.io", "cio", Any, 32),
    ("airtable", "patQw3rTy7UiOpAs4.", Hex, 64),
    ("twilio", "SK", Hex, 32),
    ("vault old", "s.", Any, 24),
];

fn random_part(random: &mut Random, letters: Letters, length: usize) -> String {
    let alphabet = match letters {
        Any => format!("{UPPER}{LOWER}{DIGITS}"),
        Url => format!("{UPPER}{LOWER}{DIGITS}-_"),
        Small => format!("{LOWER}{DIGITS}"),
        Capital => format!("{UPPER}{DIGITS}"),
        Hex => HEX.to_owned(),
    };
    // A dash at the end of a token belongs to the text around it.
    format!("{}{}", random.text(&alphabet, length - 2), random.text(DIGITS, 2))
}

/// Tokens that say by their prefix whose they are.
pub(crate) fn vendors(random: &mut Random, round: usize, cases: &mut Vec<Case>) {
    for (kind, prefix, letters, length) in VENDORS {
        let secret = random_part(random, *letters, *length);
        let text = wrapped(random, round, &format!("{prefix}{secret}"));
        cases.push(Case { kind, text, secret });
    }
    let hex = random.text(HEX, 32);
    cases.push(Case { kind: "mailchimp", text: format!("list of {hex}-us12 failed"), secret: hex });
    let azure = format!("kN7{}Q~{}", 8 - round % 2, random_part(random, Url, 34));
    cases.push(Case { kind: "azure client secret", text: wrapped(random, round, &azure), secret: azure });
    let (one, other) = (random_part(random, Any, 22), random_part(random, Any, 43));
    let sendgrid = format!("SG.{one}.{other}");
    cases.push(Case { kind: "sendgrid", text: wrapped(random, round, &sendgrid), secret: sendgrid });
    let hook = random_part(random, Url, 68);
    let text = format!("POST https://discord.com/api/webhooks/{}/{hook} 204", random.text(DIGITS, 18));
    cases.push(Case { kind: "discord webhook", text, secret: hook });
}

/// Names that scanners search for, in the cases in which people write them. `{}` is the value.
const NAMES: &[(&str, &str)] = &[
    ("header X-API-KEY", "X-API-KEY: {}"),
    ("header x-goog-api-key", "x-goog-api-key: {}"),
    ("header subscription", "Ocp-Apim-Subscription-Key: {}"),
    ("header DD-API-KEY", "DD-API-KEY: {}"),
    ("header DD-APPLICATION-KEY", "DD-APPLICATION-KEY: {}"),
    ("header X-Vault-Token", "X-Vault-Token: {}"),
    ("header X-Auth-Key", "X-Auth-Key: {}"),
    ("header PRIVATE-TOKEN", "PRIVATE-TOKEN: {}"),
    ("header proxy", "Proxy-Authorization: Bearer {}"),
    ("env APIKEY", "APIKEY={}"),
    ("env ENCRYPTION_KEY", "ENCRYPTION_KEY={}"),
    ("env SECRET_KEY_BASE", "SECRET_KEY_BASE={}"),
    ("env SIGNING_KEY", "export JWT_SIGNING_KEY={}"),
    ("env APP_KEY", "APP_KEY=base64:{}"),
    ("env MASTER_KEY", "RAILS_MASTER_KEY={}"),
    ("env DB_PASS", "DB_PASS={}"),
    ("env MYSQL_PASS quoted", "MYSQL_PASS='{}'"),
    ("env PGPASSWORD", "PGPASSWORD={} psql"),
    ("env ACCESS_KEY", "MINIO_ACCESS_KEY={}"),
    ("env WRITE_KEY", "SEGMENT_WRITE_KEY={}"),
    ("env SERVICE_ROLE_KEY", "SUPABASE_SERVICE_ROLE_KEY={}"),
    ("env Windows", "set API_KEY={}"),
    ("env PowerShell", "$env:API_TOKEN = \"{}\""),
    ("json apikey", "{\"apikey\":\"{}\"}"),
    ("json encryptionKey", "{\"encryptionKey\": \"{}\", \"id\": 4}"),
    ("json signing_key", "{\"signing_key\":\"{}\"}"),
    ("json dbPass", "{\"dbPass\": \"{}\"}"),
    ("json pass", "{\"user\":\"ada\",\"pass\":\"{}\"}"),
    ("json Pwd", "{\"Pwd\": \"{}\"}"),
    ("json twice escaped", "\"{\\\\\\\"api_key\\\\\\\":\\\\\\\"{}\\\\\\\"}\""),
    ("yaml appKey", "datadog:\n  appKey: {}\n"),
    ("yaml private_key", "  private_key: \"{}\""),
    ("yaml next line", "smtp:\n  password:\n    {}\n"),
    ("yaml folded", "api_key: >-\n  {}\n"),
    ("toml", "encryption_key = \"{}\""),
    ("ini", "[client]\npass = {}"),
    ("properties", "spring.datasource.password={}"),
    ("shell continued", "export API_TOKEN=\\\n  {}\n"),
    ("flag", "tool --api-key {} --verbose"),
    ("flag tight", "tool --client-secret={}"),
    ("terraform", "  secret_key = \"{}\""),
    ("python", "client = connect(api_key='{}', timeout=3)"),
    ("query", "https://example.org/v1/items?apikey={}&page=2"),
    ("curl user", "curl -s -u ada:{} https://example.org/items"),
    ("sql identified", "CREATE USER 'ada'@'%' IDENTIFIED BY '{}'"),
    ("netrc", "machine example.org login ada password {}"),
    ("npmrc", "//registry.example.org/:_authToken={}"),
    ("go dsn", "dial ada:{}@tcp(db:3306)/shop failed"),
    ("jdbc", "jdbc:postgresql://db/shop?user=ada&password={}"),
    ("odbc", "Driver={SQL Server};Server=db;Uid=ada;Pwd={};"),
    ("env vendor's key", "FAL_KEY={}"),
    ("env salt", "PASSWORD_SALT={}"),
    ("env personal access token", "OVSX_PAT={}"),
    ("env bearer", "TWITTER_BEARER=\"{}\""),
    ("env auth", "REDIS_AUTH={}"),
    ("env short password", "DB_PW={}"),
    ("camel vendor's key", "meraki: { dashboardKey: '{}' }"),
    ("dotted vendor's key", "wechat.pay.key = {}"),
    ("key of two words", "deepgram key: {}"),
    ("api key in a sentence", "tracking api key: {}"),
    ("aligned", "fbApiKey:            \"{}\","),
    ("behind a space", "vendor CLIENT_SECRET {}"),
    ("Dockerfile", "ENV API_TOKEN {}"),
    ("setx", "setx DB_PASSWORD {}"),
    ("pod's environment", "env:\n- name: DB_PASSWORD\n  value: {}\n"),
    ("task's environment", "{\"name\": \"DB_PASSWORD\", \"value\": \"{}\"}"),
    ("web.config", "<add key=\"ApiKey\" value=\"{}\" />"),
    ("getenv with a default", "key = os.getenv(\"SERVICE_API_KEY\", \"{}\")"),
    ("PowerShell flag", "Connect-Server -User ada -Password {}"),
    ("mysql -p", "mysql -h db -u ada -p{} shop"),
    ("redis-cli -a", "redis-cli -h cache -a {} ping"),
    ("pgpass", "db.example.org:5432:shop:ada:{}"),
    ("header unknown scheme", "Authorization: sso-key {}"),
    ("header signature", "X-Hub-Signature-256: sha256={}"),
    ("webhook", "ALERT_WEBHOOK_URL=https://alerts.example.org/hooks/{}"),
    ("token as user", "https://{}:@pypi.example.org/simple"),
    ("shared access", "Endpoint=sb://a.example/;SharedAccessKeyName=root;SharedAccessKey={}="),
];

/// Secrets that a name gives away.
pub(crate) fn names(random: &mut Random, round: usize, cases: &mut Vec<Case>) {
    for (index, (kind, form)) in NAMES.iter().enumerate() {
        let length = if (index + round).is_multiple_of(2) { 24 } else { 40 };
        let secret = random_part(random, Any, length);
        cases.push(Case { kind, text: form.replacen("{}", &secret, 1), secret });
    }
}

/// Keys in files, and secrets within encodings.
pub(crate) fn structures(random: &mut Random, cases: &mut Vec<Case>) {
    let lines: Vec<String> = (0..4).map(|_| random_part(random, Any, 64)).collect();
    let (body, secret) = (lines.join("\n"), lines[1].clone());
    let forms = [
        ("pgp key", format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{body}\n-----END PGP PRIVATE KEY BLOCK-----")),
        (
            "ssh2 key",
            format!("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{body}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"),
        ),
        (
            "service account",
            format!(
                "{{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\\n\"}}",
                lines.join("\\n")
            ),
        ),
    ];
    for (kind, text) in forms {
        cases.push(Case { kind, text, secret: secret.clone() });
    }
    let putty =
        format!("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 4\n{body}\nPrivate-MAC: {}", random.text(HEX, 64));
    cases.push(Case { kind: "putty key", text: putty, secret: secret.clone() });
    let discord =
        format!("{}.GaB3xY.{}", BASE64_STANDARD.encode(random.text(DIGITS, 18)), random_part(random, Url, 38));
    cases.push(Case { kind: "discord bot", text: format!("login with {discord} failed"), secret: discord });
    let salesforce = format!("00D5f000000aBcD!{}", random_part(random, Any, 96));
    cases.push(Case { kind: "salesforce", text: format!("sid {salesforce} expired"), secret: salesforce });
    let age = random.text("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58);
    cases.push(Case { kind: "age key", text: format!("# created\nAGE-SECRET-KEY-1{age}\n"), secret: age });
    let pem =
        BASE64_STANDARD.encode(format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"));
    cases.push(Case { kind: "kubeconfig", text: format!("    client-key-data: {pem}\n"), secret: pem });
    let login = BASE64_STANDARD.encode(format!("ada:{}", random_part(random, Any, 12)));
    let text = format!("{{\"auths\":{{\"registry.example.org\":{{\"auth\":\"{login}\"}}}}}}");
    cases.push(Case { kind: "docker config", text, secret: login });
    let signature = random_part(random, Any, 42);
    let text = format!("https://a.blob.example/c?sv=2024-05-04&se=2026-01-01&sig={signature}%3D");
    cases.push(Case { kind: "shared access signature", text, secret: signature });
}

/// Values after the name of a service alone, or after a name on another line, and passwords of connections.
pub(crate) fn announced(random: &mut Random, cases: &mut Vec<Case>) {
    let alphanumeric = format!("{UPPER}{LOWER}{DIGITS}");
    let (hex, mixed) = (random.text(HEX, 40), format!("{}7x3K", random.text(&alphanumeric, 28)));
    let uuid = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length)).join("-");
    let (password, scrambled) = (format!("{}7", random.text(LOWER, 6)), format!("{}4A", random.text(DIGITS, 8)));
    let word = random.pick(&["deepgram", "shodan", "opsgenie", "veracode", "mixpanel"]);
    let made = [
        ("service alone", format!("{word} = {hex}"), &hex),
        ("service in json", format!("{{\"{word}\": \"{mixed}\"}}"), &mixed),
        ("service and word", format!("{word}.hec={uuid}"), &uuid),
        ("service in capitals", format!("export {}={mixed}", word.to_uppercase()), &mixed),
        ("name on the line before", format!("API Key\n{hex}\n"), &hex),
        ("odd capitals", format!("{word}_aPi_KeY={mixed}"), &mixed),
        ("arguments", format!("field('String' , 'API_KEY' , '\"{hex}\"')"), &hex),
        ("key in a path", format!("https://eth-mainnet.g.alchemy.com/v2/{mixed}"), &mixed),
        ("code of oauth", format!("GET /callback?state=a1&code={mixed}"), &mixed),
        ("call by position", format!("mysql_connect(\"db\", \"ada\", \"{password}\")"), &password),
        ("call by name", format!("psycopg2.connect(host=\"db\", password=\"{password}\")"), &password),
        ("connection string", format!("Server=db;User Id=ada;Password={password};Database=shop"), &password),
        ("network device", format!("hostname a\nline vty 0 4\n password 7 {scrambled}\n login"), &scrambled),
        ("community", format!("snmp-server community {password} RO"), &password),
        ("psexec", format!("psexec \\\\host -u ada -p {password} cmd"), &password),
    ];
    for (kind, text, secret) in made {
        cases.push(Case { kind, text, secret: secret.clone() });
    }
}
