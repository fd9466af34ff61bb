//! MCP's requests, dispatched: which tool, whose project, what went wrong and what would be right.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kino_repo::project;
use kino_text::suggest;
use kino_wire::ask::Scope;
use kino_wire::{Problem, ProblemKind};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest, CustomResult, ErrorCode,
    GetPromptRequestParams, GetPromptResponse, Implementation, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ResourceContents, ServerCapabilities,
    ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::answer::{BUDGET_TOKENS_DEFAULT, BUDGET_TOKENS_MAX, BUDGET_TOKENS_MIN};
use crate::lacking::Lacking;
use crate::leases::Leases;
use crate::progress::Progress;
use crate::subscriptions::Subscribed;
use crate::tools::verify::Executing;
use crate::tools::{Refusal, ToolContext};
use crate::tools::{insights, list, shapes};
use crate::untrusted::{CELL_BYTES_MAX, MESSAGE_BYTES_MAX, clean};
use crate::uri::path_of_uri;
use crate::worktree::Worktrees;
use crate::{Server, arguments, prompts, subscriptions};

/// How long a client may take to name its roots before its directory is taken instead.
const ROOTS_WAIT: Duration = Duration::from_secs(2);
/// The most roots of a client that count.
const ROOTS_MAX: usize = 32;
/// The bytes of a client's name that identify it.
const CLIENT_BYTES_MAX: usize = 64;
/// How many near names a refusal names.
const NEAREST_MAX: usize = 5;
/// Things that fit, where several do, in a refusal.
const CANDIDATES_MAX: usize = 10;

/// One client's session with a [`Server`].
#[derive(Clone)]
pub struct Handler {
    server: Server,
    /// The project of the client's roots, once they were asked for.
    roots: Arc<Mutex<Option<Rooted>>>,
    /// The resources it has subscribed to.
    subscribed: Subscribed,
    /// What keeps the verifications going that it had started.
    leases: Leases,
    /// The tools that work here.
    tools: Arc<[Tool]>,
}

/// What a client's roots say about its project.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rooted {
    /// It names none: its directory counts.
    Unknown,
    /// All roots that are in a project are in this one; the first of them.
    One(String, PathBuf),
    /// They are in several, so all projects are meant; one root of each.
    Several(Vec<PathBuf>),
}

impl Handler {
    pub(crate) fn new(server: Server, leases: Leases) -> Self {
        let tools = list::all(server.sql.is_some()).into();
        Self { server, roots: Arc::default(), subscribed: Subscribed::default(), leases, tools }
    }

    fn hear(&self, context: &RequestContext<RoleServer>) {
        if let Some(listener) = &self.server.listener {
            listener(&client(context));
        }
    }

    fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    async fn scope(&self, all: bool, context: &RequestContext<RoleServer>) -> Scope {
        if all {
            return Scope { project: None, all: true };
        }
        let project = match self.rooted(context).await {
            Rooted::One(project, _) => Some(project),
            Rooted::Several(_) => None,
            Rooted::Unknown => self.server.directory.as_deref().and_then(project::name_of),
        };
        Scope { project, all: false }
    }

    /// Where the client works, if that is one place.
    async fn directory(&self, context: &RequestContext<RoleServer>) -> Option<PathBuf> {
        match self.rooted(context).await {
            Rooted::One(_, directory) => Some(directory),
            Rooted::Several(_) => None,
            Rooted::Unknown => self.server.directory.clone(),
        }
    }

    /// The worktree that the backend may search for places in the code, if the client works in one.
    async fn worktree(&self, context: &RequestContext<RoleServer>) -> Option<String> {
        if !self.server.searches {
            return None;
        }
        let directory = self.directory(context).await?;
        Some(project::of(&directory)?.worktree.to_str()?.to_owned())
    }

    /// Where the client works, wherever that is.
    async fn worktrees(&self, context: &RequestContext<RoleServer>) -> Worktrees {
        let directories = match self.rooted(context).await {
            Rooted::One(_, directory) => vec![directory],
            Rooted::Several(directories) => directories,
            Rooted::Unknown => self.server.directory.iter().cloned().collect(),
        };
        Worktrees::around(&directories)
    }

    async fn rooted(&self, context: &RequestContext<RoleServer>) -> Rooted {
        let known = self.roots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(rooted) = known {
            return rooted;
        }
        let rooted = rooted(context).await;
        *self.roots.lock().unwrap_or_else(PoisonError::into_inner) = Some(rooted.clone());
        rooted
    }

    async fn answer(
        &self,
        tool: &Tool,
        mut arguments: JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Refusal> {
        let name = tool.name.as_ref();
        arguments::schema::check(tool, &arguments)?;
        let common = arguments::common(&mut arguments)?;
        let usual = if name == "check_insights" { insights::BUDGET_TOKENS } else { BUDGET_TOKENS_DEFAULT };
        let backend = Lacking::new(self.server.backend.as_ref());
        let call = ToolContext {
            backend: &backend,
            sql: self.server.sql.as_deref(),
            scope: self.scope(common.all, context).await,
            worktree: self.worktree(context).await,
            now: self.server.clock.now(),
            budget_tokens: common.budget_tokens.unwrap_or(usual).clamp(BUDGET_TOKENS_MIN, BUDGET_TOKENS_MAX),
        };
        let rendered = match name {
            "explain_system" => call.explain_system(arguments::read(arguments)?).await,
            "find_traces" => call.find_traces(arguments::read(arguments)?).await,
            "explain" => call.explain(arguments::read(arguments)?).await,
            "compare_runs" => call.compare_runs(arguments::read(arguments)?).await,
            "find_errors" => call.find_errors(arguments::read(arguments)?).await,
            "check_insights" => {
                let worktrees = self.worktrees(context).await;
                call.check_insights(arguments::read(arguments)?, &client(context), &worktrees).await
            }
            "verify_change" => {
                let executing = Executing {
                    verifier: self.server.verifier.as_deref(),
                    directory: self.directory(context).await,
                    leases: &self.leases,
                    progress: Progress::of(context),
                };
                call.verify_change(arguments::read(arguments)?, executing).await
            }
            "query_sql" => call.query_sql(arguments::read(arguments)?).await,
            "open_evidence" => {
                let mut text = call.open_evidence(arguments::read(arguments)?).await?;
                if let Some(damage) = backend.damage() {
                    text = format!("{}\n{text}", damage.sentence());
                }
                return Ok(CallToolResult::success(vec![ContentBlock::text(text)]));
            }
            _ => Err(Refusal::Arguments(format!("no tool is called {name}"))),
        };
        let mut rendered = rendered?;
        debug_assert_eq!(shapes::undeclared(name, &rendered.structured), None, "{name}");
        if let Some(damage) = backend.damage() {
            rendered.lacks(damage);
        }
        Ok(rendered.into_result())
    }
}

/// The client's name, under which the engine notes what it received.
fn client(context: &RequestContext<RoleServer>) -> String {
    let name = context.client_info().map(|info| clean(&info.name, CLIENT_BYTES_MAX)).unwrap_or_default();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// Asks the client for its roots, if it has such, and finds their project.
#[expect(deprecated, reason = "roots are on their way out of MCP, and how today's clients give their directory")]
async fn rooted(context: &RequestContext<RoleServer>) -> Rooted {
    if context.client_capabilities().is_none_or(|capabilities| capabilities.roots.is_none()) {
        return Rooted::Unknown;
    }
    let Ok(Ok(listed)) = tokio::time::timeout(ROOTS_WAIT, context.peer.list_roots()).await else {
        return Rooted::Unknown;
    };
    let projects: BTreeMap<String, PathBuf> = listed
        .roots
        .iter()
        .take(ROOTS_MAX)
        .filter_map(|root| path_of_uri(&root.uri))
        .filter_map(|path| Some((project::name_of(&path)?, path)))
        .rev()
        .collect();
    if projects.len() > 1 {
        return Rooted::Several(projects.into_values().collect());
    }
    projects.into_iter().next().map_or(Rooted::Unknown, |(project, directory)| Rooted::One(project, directory))
}

/// What a refusal says to the model: ours first, then recorded names, marked.
fn refused(refusal: Refusal) -> CallToolResult {
    let text = match refusal {
        Refusal::Arguments(message) => clean(&message, 2 * MESSAGE_BYTES_MAX),
        Refusal::Quoting(message) => {
            format!("the statement failed\nuntrusted.message:\n{}", clean(&message, 2 * MESSAGE_BYTES_MAX))
        }
        Refusal::Problem(Problem { message, did_you_mean, candidates, .. }) => {
            let mut text = clean(&of_tools(&message), 2 * MESSAGE_BYTES_MAX);
            let names: Vec<_> = did_you_mean.iter().take(NEAREST_MAX).map(|name| clean(name, CELL_BYTES_MAX)).collect();
            if !names.is_empty() {
                text.push_str("\nuntrusted.did_you_mean:\n");
                text.push_str(&names.join("\n"));
            }
            if !candidates.is_empty() {
                text.push_str("\nuntrusted.candidates:");
                for target in candidates.iter().take(CANDIDATES_MAX) {
                    let (id, name) = (clean(&target.id, CELL_BYTES_MAX), clean(&target.name, CELL_BYTES_MAX));
                    text.push_str(&["\n", target.kind.name(), "\t", &id, "\t", &name].concat());
                }
            }
            text
        }
    };
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// What a problem proposes, by the names that tools have: the engine's are those of its questions.
fn of_tools(message: &str) -> String {
    message.replace("`find` lists", "`find_traces` lists").replace("`runs` lists", "`find_traces` with list=runs lists")
}

/// A problem as an error of the protocol, where it has nothing better.
fn failed(problem: &Problem) -> ErrorData {
    ErrorData::internal_error(clean(&problem.message, 2 * MESSAGE_BYTES_MAX), None)
}

/// What is wrong with the parameters of a method that exists; `None` where there is no such method.
fn wrong_parameters(request: &CustomRequest) -> Option<String> {
    let parameters = request.params.clone().unwrap_or_default();
    let mistake = match request.method.as_str() {
        "tools/call" => serde_json::from_value::<CallToolRequestParams>(parameters).err(),
        "prompts/get" => serde_json::from_value::<GetPromptRequestParams>(parameters).err(),
        "resources/read" => serde_json::from_value::<ReadResourceRequestParams>(parameters).err(),
        "resources/subscribe" => serde_json::from_value::<SubscribeRequestParams>(parameters).err(),
        "resources/unsubscribe" => serde_json::from_value::<UnsubscribeRequestParams>(parameters).err(),
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
            serde_json::from_value::<PaginatedRequestParams>(parameters).err()
        }
        _ => return None,
    };
    Some(
        mistake.map_or_else(|| "wrong parameters".to_owned(), |mistake| clean(&mistake.to_string(), MESSAGE_BYTES_MAX)),
    )
}

/// Refuses a cursor: lists are given whole, and no answer has given one.
fn only_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("wrong cursor: this list has one page", None)),
    }
}

/// A protocol error for a name that is not listed.
fn no_such<'a>(what: &str, wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> ErrorData {
    let mut near = suggest::nearest(wrong, names.clone());
    if near.is_empty() {
        near = names.map(str::to_owned).collect();
    }
    let wrong = clean(wrong, CELL_BYTES_MAX);
    ErrorData::invalid_params(format!("no {what} is called {wrong:?}; there is {}", near.join(", ")), None)
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("kinescope", env!("CARGO_PKG_VERSION")).with_title("Kinescope"))
            .with_instructions(list::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.hear(&context);
        only_page(request)?;
        Ok(ListToolsResult::with_all_items(self.tools.to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tool(name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.hear(&context);
        let Some(tool) = self.tool(&request.name) else {
            return Err(no_such("tool", &request.name, self.tools.iter().map(|tool| tool.name.as_ref())));
        };
        let answer = self.answer(tool, request.arguments.unwrap_or_default(), &context);
        // A cancelled call is dropped where it waits, and what it had started ends with it.
        let Some(answer) = context.ct.run_until_cancelled(answer).await else {
            return Err(ErrorData::internal_error("the call was cancelled", None));
        };
        Ok(answer.unwrap_or_else(refused).into())
    }

    /// What looks like a request of the protocol but does not read as one has wrong parameters; the rest is unknown.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = clean(&request.method, CELL_BYTES_MAX);
        match wrong_parameters(&request) {
            Some(wrong) => Err(ErrorData::invalid_params(format!("{method}: {wrong}"), None)),
            None => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None)),
        }
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        only_page(request)?;
        Ok(ListPromptsResult::with_all_items(prompts::all()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let all = prompts::all();
        prompts::get(&request.name, request.arguments.as_ref())
            .map(GetPromptResponse::Complete)
            .ok_or_else(|| no_such("prompt", &request.name, all.iter().map(|prompt| prompt.name.as_str())))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        only_page(request)?;
        let scope = self.scope(false, &context).await;
        let found = insights::present(self.server.backend.as_ref(), scope).await.map_err(|problem| failed(&problem))?;
        let mut resources = vec![shapes::resource()];
        resources.extend(insights::resources(&found.items));
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        only_page(request)?;
        Ok(ListResourceTemplatesResult::with_all_items(vec![insights::template()]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if let Some(rest) = request.uri.strip_prefix(shapes::ANSWERS_URI) {
            let described = shapes::read(rest).ok_or_else(subscriptions::unknown)?;
            let contents =
                ResourceContents::text(described.to_string(), request.uri).with_mime_type("application/json");
            return Ok(ReadResourceResult::new(vec![contents]).into());
        }
        let scope = self.scope(request.uri != insights::FINDINGS_URI, &context).await;
        let worktrees = self.worktrees(&context).await;
        let content = match insights::read(self.server.backend.as_ref(), &request.uri, scope, &worktrees).await {
            Ok(Some(content)) => content,
            Ok(None) | Err(Problem { kind: ProblemKind::NotFound, .. }) => return Err(subscriptions::unknown()),
            Err(problem) => return Err(failed(&problem)),
        };
        let contents = ResourceContents::text(content.to_string(), request.uri).with_mime_type("application/json");
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(subscriptions::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let scope = self.scope(false, context.request_context()).await;
        subscriptions::listen(self.server.backend.as_ref(), &scope, &context).await;
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if self.subscribed.add(&request.uri)? {
            let scope = self.scope(false, &context).await;
            let backend = Arc::clone(&self.server.backend);
            self.subscribed.clone().follow(backend, scope, context.peer.clone()).await;
        }
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscribed.remove(&request.uri);
        Ok(())
    }

    async fn on_roots_list_changed(&self, _context: NotificationContext<RoleServer>) {
        *self.roots.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
