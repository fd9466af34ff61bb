//! What is printed for programs of each kind.

use super::*;

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn an_axum_program_is_recognised_with_its_entry_and_its_router() {
    let folder = project(&[
        ("Cargo.toml", "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\n"),
        ("src/main.rs", "mod web;\n\n#[tokio::main]\nasync fn main() {}\n"),
        ("src/web.rs", "// Router::new() is below\nfn app() {\n    Router::new()\n}\n"),
    ]);
    let advice = rust::advice(&folder.path().join("src")).unwrap();
    assert_eq!(advice.framework, Some("axum"));
    let places: Vec<_> = advice.edits.iter().map(|edit| edit.at.as_str()).collect();
    assert_eq!(places, ["src/main.rs:4", "src/web.rs:3"]);
    let text = text(&advice);
    assert!(text.contains("provider.tracer(\"shop\")") && text.contains("axum::extract::MatchedPath"), "{text}");
    assert!(text.contains("use tracing::Instrument as _;") && !text.contains("NAME"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is written");
}

#[test]
fn a_program_with_a_subscriber_of_its_own_and_one_without_a_framework_are_advised_otherwise() {
    let main = "fn main() {\n    tracing_subscriber::fmt().init();\n}\n";
    let folder = project(&[("Cargo.toml", "[package]\nname = \"tool\"\n"), ("src/main.rs", main)]);
    let advice = rust::advice(folder.path()).unwrap();
    assert!(advice.framework.is_none() && advice.notes[0].starts_with("src/main.rs:2 sets a subscriber"), "{advice:?}");
    assert!(!advice.file.text.contains("Instrument") && advice.edits.len() == 1);
    let actix = project(&[
        ("Cargo.toml", "[package]\nname = \"web\"\n[dependencies.actix-web]\nversion = \"4\"\n"),
        ("src/main.rs", "fn main() {\n    App::new();\n}\n"),
    ]);
    let advice = rust::advice(actix.path()).unwrap();
    assert!(advice.framework == Some("actix-web") && advice.edits[1].at == "src/main.rs:2", "{advice:?}");
}

#[test]
fn what_is_no_program_is_said() {
    let folder = project(&[("Cargo.toml", "[workspace]\nmembers = []\n")]);
    assert!(rust::advice(folder.path()).unwrap_err().message.contains("workspace"));
    assert!(go::advice(folder.path()).unwrap_err().message.contains("go.mod"));
    let folder = project(&[("Cargo.toml", "no manifest")]);
    assert!(rust::advice(folder.path()).is_err());
}

#[test]
fn go_programs_are_recognised_with_their_routers() {
    let main = "package main\n\nfunc main() {\n\tr := MADE\n}\n";
    for (module, made, framework, line) in [
        ("github.com/gin-gonic/gin v1.11.0", "gin.Default()", "gin", "otelgin.Middleware(\"shop\")"),
        ("github.com/go-chi/chi/v5 v5.2.0", "chi.NewRouter()", "chi", "otelhttp.NewMiddleware(\"shop\")"),
        ("github.com/labstack/echo/v4 v4.13.0", "echo.New()", "echo", "otelecho.Middleware(\"shop\")"),
        ("", "http.ListenAndServe(\":80\", nil)", "net/http", "otelhttp.NewHandler("),
    ] {
        let folder = project(&[
            ("go.mod", &format!("module example.com/me/shop/v2\n\nrequire {module}\n")),
            ("cmd/shop/main.go", &main.replace("MADE", made)),
            ("cmd/shop/main_test.go", main),
            ("vendor/a/main.go", main),
        ]);
        let advice = go::advice(folder.path()).unwrap();
        assert_eq!(advice.framework, Some(framework));
        assert_eq!(
            (advice.edits[0].at.as_str(), advice.edits[1].at.as_str()),
            ("cmd/shop/main.go:3", "cmd/shop/main.go:4")
        );
        let [import, made] = advice.edits[1].lines.as_slice() else { panic!("{advice:?}") };
        assert!(import.starts_with("import \"go.opentelemetry.io/contrib/") && made.contains(line), "{advice:?}");
        assert_eq!(advice.file.path, "cmd/shop/telemetry.go");
    }
}

#[test]
fn names_of_a_project_act_on_no_terminal() {
    let folder =
        project(&[("Cargo.toml", "[package]\nname = \"a\\u001b[2J\\\"b\"\n"), ("src/main.rs", "fn main() {}\n")]);
    let text = text(&rust::advice(folder.path()).unwrap());
    assert!(!text.contains('\u{1b}') && text.contains("tracer(\"a2Jb\")"), "{text}");
}
