//! What each assistant sends its hooks, as its documentation shows it, what is read of that, and what is answered: also to
//! inputs that no assistant sends.

use kino_agents::Agent;
use kino_agents::hook::{CONTEXT_BYTES_MAX, Moment, Rewriting, context, moment, notice, read, rewriting, rewritten};
use serde_json::Value as Json;

/// An assistant, its event, and an input of that event. The sources are in docs/hooks.md.
const INPUTS: &[(Agent, &str, &str)] = &[
    (
        Agent::ClaudeCode,
        "PreToolUse",
        r#"{"session_id":"abc123","transcript_path":"/home/user/.claude/projects/t.jsonl","cwd":"/home/user/my-project","permission_mode":"default","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"npm test","description":"Run tests","timeout":120000,"run_in_background":false},"tool_use_id":"toolu_01ABC123"}"#,
    ),
    (
        Agent::ClaudeCode,
        "PostToolUse",
        r#"{"session_id":"abc123","transcript_path":"/t.jsonl","cwd":"/home/user/my-project","permission_mode":"default","hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"npm test"},"tool_response":{"stdout":"ok","stderr":"","interrupted":false,"isImage":false},"tool_use_id":"toolu_01ABC123","duration_ms":4187}"#,
    ),
    (
        Agent::ClaudeCode,
        "PostToolUseFailure",
        r#"{"session_id":"abc123","transcript_path":"/t.jsonl","cwd":"/home/user/my-project","permission_mode":"default","hook_event_name":"PostToolUseFailure","tool_name":"Bash","tool_input":{"command":"npm test"},"tool_use_id":"toolu_01ABC123","error":"Command exited with non-zero status code 1","is_interrupt":false,"duration_ms":4187}"#,
    ),
    (
        Agent::ClaudeCode,
        "SessionStart",
        r#"{"session_id":"abc123","transcript_path":"/t.jsonl","cwd":"/home/user/my-project","hook_event_name":"SessionStart","source":"startup","model":"m"}"#,
    ),
    (
        Agent::ClaudeCode,
        "Stop",
        r#"{"session_id":"abc123","transcript_path":"/t.jsonl","cwd":"/p","permission_mode":"default","hook_event_name":"Stop","stop_hook_active":false,"last_assistant_message":"done"}"#,
    ),
    (
        Agent::Codex,
        "PreToolUse",
        r#"{"session_id":"0199","turn_id":"t1","transcript_path":null,"cwd":"/p","hook_event_name":"PreToolUse","model":"m","permission_mode":"default","tool_name":"Bash","tool_use_id":"call_1","tool_input":{"command":"pytest -q"}}"#,
    ),
    (
        Agent::Codex,
        "PostToolUse",
        r#"{"session_id":"0199","turn_id":"t1","transcript_path":null,"cwd":"/p","hook_event_name":"PostToolUse","model":"m","permission_mode":"default","tool_name":"Bash","tool_use_id":"call_1","tool_input":{"command":"pytest -q"},"tool_response":"1 failed"}"#,
    ),
    (
        Agent::GeminiCli,
        "BeforeTool",
        r#"{"session_id":"g1","transcript_path":"/t.json","cwd":"/p","hook_event_name":"BeforeTool","timestamp":"2026-11-24T10:00:00Z","tool_name":"run_shell_command","tool_input":{"command":"npm test","description":"tests"}}"#,
    ),
    (
        Agent::GeminiCli,
        "AfterTool",
        r#"{"session_id":"g1","transcript_path":"/t.json","cwd":"/p","hook_event_name":"AfterTool","timestamp":"2026-11-24T10:00:00Z","tool_name":"run_shell_command","tool_input":{"command":"npm test"},"tool_response":{"llmContent":"ok","returnDisplay":"ok"}}"#,
    ),
    (
        Agent::Cursor,
        "beforeShellExecution",
        r#"{"conversation_id":"c1","generation_id":"g1","hook_event_name":"beforeShellExecution","workspace_roots":["/p"],"cursor_version":"2.0","command":"npm test","cwd":""}"#,
    ),
    (
        Agent::Cursor,
        "postToolUse",
        r#"{"conversation_id":"c1","generation_id":"g1","hook_event_name":"postToolUse","workspace_roots":["/p"],"tool_name":"Shell","tool_input":{"command":"npm test","working_directory":"/p"},"tool_output":"{}","tool_use_id":"t1","cwd":"/p","duration":5432}"#,
    ),
    (
        Agent::CopilotCli,
        "postToolUse",
        r#"{"sessionId":"s1","timestamp":1704614700000,"cwd":"/p","toolName":"bash","toolArgs":"{\"command\":\"npm test\",\"description\":\"Run tests\"}","toolResult":{"resultType":"success","textResultForLlm":"All tests passed"}}"#,
    ),
    (
        Agent::CopilotCli,
        "PostToolUse",
        r#"{"session_id":"s1","timestamp":"2026-11-24T10:00:00Z","cwd":"/p","hook_event_name":"PostToolUse","tool_name":"bash","tool_input":{"command":"npm test"}}"#,
    ),
    (
        Agent::VsCode,
        "PostToolUse",
        r#"{"timestamp":"2026-11-24T10:00:00Z","cwd":"/p","sessionId":"s1","hookEventName":"PostToolUse","tool_name":"runInTerminal","tool_input":{"command":"npm test"},"tool_use_id":"t1","tool_response":"ok"}"#,
    ),
    (
        Agent::Antigravity,
        "PostToolUse",
        r#"{"conversationId":"a1","workspacePaths":["/p"],"toolCall":{"name":"run_command","args":{"CommandLine":"npm test"}}}"#,
    ),
    (
        Agent::OpenCode,
        "tool.execute.after",
        r#"{"tool":"bash","sessionID":"ses_1","callID":"call_1","args":{"command":"npm test","description":"tests"},"output":"ok","metadata":{},"directory":"/p"}"#,
    ),
];

#[test]
fn session_call_and_command_of_each_assistant_are_read() {
    for (agent, event, input) in INPUTS {
        let called = read(*agent, event, input.as_bytes()).unwrap_or_else(|| panic!("{agent} {event}"));
        assert_eq!(Some(called.moment), moment(*agent, event));
        if *agent == Agent::Antigravity {
            continue;
        }
        assert!(called.session.is_some() && called.directory.is_some(), "{agent} {event}: {called:?}");
        let is_call = matches!(called.moment, Moment::Before | Moment::After);
        let expected = if *agent == Agent::Codex { "pytest -q" } else { "npm test" };
        assert_eq!(called.command.as_deref(), is_call.then_some(expected), "{agent} {event}");
    }
    let called = read(Agent::ClaudeCode, "PostToolUse", INPUTS[1].2.as_bytes()).unwrap();
    assert_eq!((called.call.as_deref(), called.millis), (Some("toolu_01ABC123"), Some(4_187)));
}

#[test]
fn a_tool_that_executes_nothing_has_no_command() {
    let input =
        br#"{"session_id":"s","cwd":"/p","tool_name":"Write","tool_input":{"command":"npm test","file_path":"/a"}}"#;
    assert_eq!(read(Agent::ClaudeCode, "PreToolUse", input).unwrap().command, None);
    let words = br#"{"session_id":"s","cwd":"/p","tool_name":"Bash","tool_input":{"command":["npm","test"]}}"#;
    assert_eq!(read(Agent::Codex, "PreToolUse", words).unwrap().command, None);
}

/// Whether an answer decides something, at any depth.
fn decides(answer: &Json) -> bool {
    const DECISIONS: [&str; 7] =
        ["permissionDecision", "decision", "permission", "continue", "behavior", "block", "permissionDecisionReason"];
    match answer {
        Json::Object(members) => {
            members.iter().any(|(name, value)| DECISIONS.contains(&name.as_str()) || decides(value))
        }
        Json::Array(items) => items.iter().any(decides),
        _ => false,
    }
}

#[test]
fn no_answer_decides_and_only_two_assistants_get_another_command() {
    for agent in Agent::ALL {
        let input =
            br#"{"session_id":"s","cwd":"/p","tool_name":"Bash","tool_input":{"command":"npm test","timeout":7}}"#;
        let called = read(agent, "PreToolUse", input).or_else(|| read(agent, "BeforeTool", input));
        if let Some(called) = called {
            let answer = rewritten(agent, "PreToolUse", &called, "kino run --call c -- npm test");
            assert_eq!(answer.is_some(), rewriting(agent) != Rewriting::Never, "{agent}");
            if let Some(answer) = answer {
                let text = answer.to_string();
                assert!(
                    !decides(&answer)
                        && text.contains("kino run --call c -- npm test")
                        && text.contains("\"timeout\":7")
                );
            }
        }
        for answer in [context(agent, "PostToolUse", "text"), notice(agent, "text")].into_iter().flatten() {
            assert!(!decides(&answer), "{answer}");
        }
    }
    assert_eq!(CONTEXT_BYTES_MAX, 400);
}

#[test]
fn ten_thousand_mutated_inputs_are_read_or_refused() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    let pieces: [&[u8]; 10] = [b"\"", b"\\", b"{", b"}", b"[", b"null", b"\xff", b"\\ud800", b"1e999", b":"];
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let (agent, event, input) = INPUTS[below(INPUTS.len())];
        let mut input = input.as_bytes().to_vec();
        for _ in 0..=below(4) {
            let at = below(input.len());
            match below(3) {
                0 => drop(input.remove(at)),
                1 => input[at] = u8::try_from(below(256)).unwrap(),
                _ => drop(input.splice(at..at, pieces[below(pieces.len())].iter().copied())),
            }
        }
        match read(agent, event, &input) {
            Some(called) => {
                read_well += 1;
                let answer = rewritten(agent, event, &called, "kino run --call c -- x");
                assert!(answer.is_none_or(|answer| !decides(&answer)), "{}", String::from_utf8_lossy(&input));
            }
            None => refused += 1,
        }
    }
    assert!(read_well > 1_000 && refused > 1_000, "{read_well} {refused}");
}
