//! Siblings one after another, and what is sent to language models.

use kino_model::Trace;

use super::plan::{Scene, Step};
use super::{LookAlike, Planted, Suite};

pub(super) const SUITES: &[Suite] = &[
    Suite {
        code: "sequential_could_be_parallel",
        planted: &[
            Planted { name: "HTTP to several hosts", subject: "gather", build: http_sequence },
            Planted { name: "language model calls", subject: "gather", build: chat_sequence },
            Planted { name: "calls within steps", subject: "gather", build: wrapped_sequence },
        ],
        look_alikes: &[
            LookAlike { name: "output used as input", build: output_flows },
            LookAlike { name: "linked", build: linked },
            LookAlike { name: "parallel already", build: parallel },
            LookAlike { name: "statements of one connection", build: statements },
            LookAlike { name: "turns of a conversation", build: turns },
            LookAlike { name: "tool calls between turns", build: tools },
            LookAlike { name: "retries", build: retried },
            LookAlike { name: "long work between", build: work_between },
            LookAlike { name: "work within the process", build: inner_work },
            LookAlike { name: "one long, others tiny", build: one_long },
            LookAlike { name: "written, then read", build: write_then_read },
            LookAlike { name: "page by page", build: pages },
            LookAlike { name: "in half of the executions", build: sometimes },
        ],
    },
    Suite {
        code: "llm_token_waste",
        planted: &[
            Planted { name: "history sent again", subject: "chat gpt-5-mini", build: history },
            Planted { name: "same input again", subject: "chat gpt-5-mini", build: duplicates },
            Planted { name: "shared prefix", subject: "chat gpt-5-mini", build: prefixes },
            Planted { name: "large input, tiny output", subject: "chat gpt-5-mini", build: tiny_output },
        ],
        look_alikes: &[
            LookAlike { name: "prompt cache in use", build: cached_history },
            LookAlike { name: "independent calls", build: independent },
            LookAlike { name: "small inputs that grow", build: small_history },
            LookAlike { name: "different texts", build: different_texts },
            LookAlike { name: "embeddings", build: embeddings },
            LookAlike { name: "summaries", build: summaries },
            LookAlike { name: "inputs by chance ascending, three calls", build: three_ascending },
        ],
    },
];

fn gather(scene: &mut Scene, is_least: bool, steps: impl Fn(&mut Scene) -> Vec<Step>) -> Vec<Trace> {
    let executions = if is_least { 5 } else { scene.between(10, 40) };
    scene.requests(executions, |scene, _| {
        let steps = steps(scene);
        let gather = Step::work("gather", 0.5).of(steps);
        scene.request("POST /work", vec![gather, Step::work("render", 10.0)])
    })
}

const HOSTS: [&str; 5] = ["prices", "stock", "reviews", "images", "offers"];

/// One GET from each of the first hosts.
fn gets(count: u64) -> Vec<Step> {
    let get = |host: &&str| {
        let step = Step::http("GET", &format!("http://{host}:8080/v1/{host}/7"), 15.0);
        Step { name: format!("GET {host}").into(), ..step }
    };
    HOSTS.iter().take(count as usize).map(get).collect()
}

fn http_sequence(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 2 } else { scene.between(3, 5) };
    gather(scene, is_least, |_| gets(count))
}

fn chat_sequence(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 2 } else { scene.between(3, 5) };
    gather(scene, is_least, |scene| {
        // Independent prompts: sizes that fall, so that no conversation can be read into them.
        (0..count).map(|at| Step::chat(2_000 - 150 * at as i64 + scene.random.below(100) as i64, 100, 60.0)).collect()
    })
}

fn wrapped_sequence(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = if is_least { 2 } else { scene.between(3, 5) };
    gather(scene, is_least, |_| {
        gets(count).into_iter().zip(HOSTS).map(|(get, host)| Step::work(host, 0.4).of(vec![get])).collect()
    })
}

fn output_flows(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |scene| {
        let token = format!("tok-{:08x}", scene.random.bits() as u32);
        let login = Step::rpc("auth.v1.Auth", "Login", 15.0).with("app.result.token", token.as_str());
        vec![login, Step::rpc("cart.v1.Cart", "Get", 15.0).with("app.request.token", format!("Bearer {token}"))]
    })
}

fn linked(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |_| {
        gets(3).into_iter().enumerate().map(|(at, step)| Step { link_back: (at > 0).then_some(1), ..step }).collect()
    })
}

fn parallel(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, _| {
        let fan = Step::work("gather", 0.5).of(gets(4)).together();
        scene.request("POST /work", vec![fan, Step::work("render", 10.0)])
    })
}

fn statements(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |_| {
        let tables = ["item", "stock", "price"];
        tables.iter().map(|table| Step::sql("SELECT", &format!("SELECT * FROM {table} WHERE id = $1"), 15.0)).collect()
    })
}

fn turns(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |scene| {
        let mut input = 300;
        let turns = (0..4).map(|_| {
            input += 200 + scene.random.below(600) as i64;
            Step::chat(input, 100, 60.0)
        });
        turns.collect()
    })
}

fn tools(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |_| {
        let tool = Step::client("execute_tool search", 30.0)
            .with("gen_ai.operation.name", "execute_tool")
            .with("gen_ai.tool.name", "search");
        vec![Step::chat(900, 60, 60.0), tool, Step::chat(700, 60, 60.0)]
    })
}

fn retried(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |_| {
        let get = gets(1).remove(0);
        vec![get.clone().failed(), get.clone().failed(), get]
    })
}

fn work_between(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |_| gets(3).into_iter().map(|step| step.after(20.0)).collect())
}

fn inner_work(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |_| HOSTS.iter().map(|name| Step::work(name, 15.0)).collect())
}

fn one_long(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |_| {
        let mut steps = gets(3);
        steps[0].millis = 120.0;
        steps[1].millis = 1.0;
        steps[2].millis = 1.0;
        steps
    })
}

fn write_then_read(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |scene| {
        let order = scene.random.below(1_000_000);
        vec![
            Step::http("POST", "http://orders:8080/v1/orders", 15.0),
            Step::http("GET", &format!("http://orders:8080/v1/orders/{order}"), 15.0),
        ]
    })
}

fn pages(scene: &mut Scene, _: bool) -> Vec<Trace> {
    gather(scene, false, |scene| {
        let get = |cursor: u64| Step::http("GET", &format!("http://items:8080/v1/items?cursor={cursor:x}"), 15.0);
        (0..4).map(|_| get(scene.random.bits())).collect()
    })
}

fn sometimes(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.requests(20, |scene, number| {
        let gather = Step::work("gather", 0.5).of(gets(if number % 2 == 0 { 3 } else { 1 }));
        scene.request("POST /work", vec![gather, Step::work("render", 10.0)])
    })
}

fn chats(scene: &mut Scene, is_least: bool, steps: impl Fn(&mut Scene) -> Vec<Step>) -> Vec<Trace> {
    let executions = if is_least { 1 } else { scene.between(3, 20) };
    scene.requests(executions, |scene, _| {
        let steps = steps(scene);
        scene.request("POST /work", vec![Step::work("ask", 0.5).of(steps)])
    })
}

const SYLLABLES: [&str; 16] =
    ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va"];

/// Returns a text of about `tokens` tokens that no two calls share.
fn prose(scene: &mut Scene, tokens: u64) -> String {
    (0..tokens).flat_map(|_| [*scene.random.pick(&SYLLABLES), *scene.random.pick(&SYLLABLES), " "]).collect()
}

fn growing(scene: &mut Scene, turns: u64, first: i64, step: u64) -> Vec<Step> {
    let mut input = first;
    let made = (0..turns).map(|_| {
        let chat = Step::chat(input, 120, 60.0);
        input += (step + scene.random.below(step)) as i64;
        chat
    });
    made.collect()
}

fn history(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let turns = if is_least { 4 } else { scene.between(5, 12) };
    chats(scene, is_least, |scene| growing(scene, turns, 300, 250))
}

fn duplicates(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let times = if is_least { 2 } else { scene.between(2, 5) };
    chats(scene, is_least, |scene| {
        let text = prose(scene, 400);
        let chat = Step::chat(400, 80, 60.0).with("gen_ai.input.messages", text);
        let mut steps = vec![chat; times as usize];
        let other = prose(scene, 300);
        steps.insert(1, Step::chat(300, 80, 60.0).with("gen_ai.input.messages", other));
        steps
    })
}

fn prefixes(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let calls = if is_least { 3 } else { scene.between(4, 10) };
    chats(scene, is_least, |scene| {
        let shared = prose(scene, 500);
        let made = (0..calls).map(|_| {
            let own = prose(scene, 100);
            Step::chat(600, 80, 60.0).with("gen_ai.input.messages", format!("{shared}{own}"))
        });
        made.collect()
    })
}

fn tiny_output(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let executions = if is_least { 3 } else { scene.between(6, 20) };
    scene.requests(executions, |scene, _| {
        let input = if is_least { 6_000 } else { scene.between(6_000, 60_000) };
        let output = scene.between(1, 10);
        scene.request("POST /work", vec![Step::chat(input as i64, output as i64, 60.0)])
    })
}

fn cached_history(scene: &mut Scene, _: bool) -> Vec<Trace> {
    chats(scene, false, |scene| {
        let mut before = 0;
        let turns = growing(scene, 8, 300, 250).into_iter().map(|step| {
            let input = step.attributes.iter().find(|(key, _)| key == "gen_ai.usage.input_tokens");
            let input = input.and_then(|(_, value)| value.as_int()).unwrap_or(0);
            let step = step.with("gen_ai.usage.cache_read.input_tokens", before);
            before = input;
            step
        });
        turns.collect()
    })
}

fn independent(scene: &mut Scene, _: bool) -> Vec<Trace> {
    chats(scene, false, |scene| (0..6).map(|_| Step::chat(300 + scene.random.below(3_000) as i64, 100, 60.0)).collect())
}

fn small_history(scene: &mut Scene, _: bool) -> Vec<Trace> {
    chats(scene, false, |scene| growing(scene, 5, 10, 8))
}

fn different_texts(scene: &mut Scene, _: bool) -> Vec<Trace> {
    chats(scene, false, |scene| {
        let made = (0..5).map(|_| {
            let tokens = 200 + scene.random.below(600);
            let text = prose(scene, tokens);
            Step::chat(tokens as i64, 80, 60.0).with("gen_ai.input.messages", format!("You are helpful. {text}"))
        });
        made.collect()
    })
}

fn embeddings(scene: &mut Scene, _: bool) -> Vec<Trace> {
    chats(scene, false, |scene| {
        let made = (0..3).map(|_| {
            Step::client("embeddings text-3", 20.0)
                .with("gen_ai.operation.name", "embeddings")
                .with("gen_ai.request.model", "text-3")
                .with("gen_ai.usage.input_tokens", 5_000 + scene.random.below(3_000) as i64)
                .with("gen_ai.usage.output_tokens", 0i64)
        });
        let mut made: Vec<Step> = made.collect();
        // By chance ascending sizes must not look like a conversation: three calls are too few.
        made.truncate(3);
        made
    })
}

fn summaries(scene: &mut Scene, _: bool) -> Vec<Trace> {
    chats(scene, false, |scene| vec![Step::chat(20_000 + scene.random.below(20_000) as i64, 350, 90.0)])
}

fn three_ascending(scene: &mut Scene, _: bool) -> Vec<Trace> {
    chats(scene, false, |scene| growing(scene, 3, 300, 400))
}
