//! The closed lists that findings use, in memory and in answers: each value has one name, which is also how it is
//! written in JSON and stored in documents.

use crate::closed::closed;

closed! {
    /// The closed list of findings.
    Code {
        /// A child operation dominates the critical path.
        Bottleneck = "bottleneck",
        /// Siblings run one after another without need.
        SequentialCouldBeParallel = "sequential_could_be_parallel",
        /// The same call again for each item of a list.
        NPlusOne = "n_plus_one",
        /// The same call with the same arguments again.
        RepeatedIdenticalCall = "repeated_identical_call",
        /// A failing call tried again and again.
        RetryStorm = "retry_storm",
        /// Calls end at the same limit.
        TimeoutCluster = "timeout_cluster",
        /// A child may wait longer than its caller.
        TimeoutBudgetExceeded = "timeout_budget_exceeded",
        /// A remote side refuses for too many requests.
        RateLimited = "rate_limited",
        /// One exception again and again.
        ErrorCluster = "error_cluster",
        /// An attribute separates the bad executions from the rest.
        WhatDiffers = "what_differs",
        /// Duration grows with an attribute.
        LatencyGrowsWithInput = "latency_grows_with_input",
        /// Tokens sent to a language model for nothing.
        LlmTokenWaste = "llm_token_waste",
        /// A cache that seldom has the answer.
        CacheIneffective = "cache_ineffective",
        /// One cache key for different inputs.
        CacheKeyCollision = "cache_key_collision",
        /// Connections are opened again though one was free.
        ConnectionChurn = "connection_churn",
        /// An address that has moved for good is asked again and again.
        PermanentRedirect = "permanent_redirect",
        /// Waiting for a lock dominates.
        LockContention = "lock_contention",
        /// A circle of waits.
        Deadlock = "deadlock",
        /// Others have what executions wait for.
        HeldBy = "held_by",
        /// Time on the critical path that nothing explains.
        DeadTime = "dead_time",
        /// A process's memory grows and does not come back.
        MemoryGrowth = "memory_growth",
        /// Two senders' clocks disagree.
        ClockSkew = "clock_skew",
        /// A root operation became slower.
        Regression = "regression",
        /// A root operation became faster.
        Improvement = "improvement",
        /// Operations appeared or vanished.
        StructureChanged = "structure_changed",
        /// A trace that is not whole.
        BrokenTrace = "broken_trace",
    }
}

closed! {
    /// The units of measured values.
    Unit {
        Nanos = "ns",
        /// A plain count.
        Count = "count",
        /// A part of a whole, or one value over another.
        Ratio = "ratio",
        /// Tokens of a language model.
        Tokens = "tokens",
        Bytes = "bytes",
        /// Money, in the currency of the configured prices.
        Money = "money",
    }
}

closed! {
    /// What a finding may be about.
    SubjectKind {
        /// An operation: a service and the name of its spans.
        Operation = "operation",
        /// A run of a command.
        Run = "run",
        Session = "session",
        /// A path and a line.
        Location = "location",
    }
}

closed! {
    /// How a place in the code is known.
    KnownBy {
        /// By the span's own attributes.
        Attribute = "attribute",
        /// By the attributes of a span above it.
        Caller = "caller",
        /// By an exception's stack.
        Stack = "stack",
        /// By looking for it in the source.
        Search = "search",
    }
}

closed! {
    /// How sure a place in the code is that was found by searching for what a span recorded.
    SearchConfidence {
        /// It is the only place that has the whole route or statement.
        Exact = "exact",
        /// It is the only place that has the distinctive part of it.
        Likely = "likely",
        /// Several places fit equally well.
        Several = "several",
    }
}

closed! {
    /// What was searched for in the code.
    SoughtKind {
        /// The route that a server's span names: where it is declared.
        Route = "route",
        /// The statement that a database call names: where it is written.
        Statement = "statement",
    }
}

closed! {
    /// What an execution waited for, by what the span records.
    WaitKind {
        Lock = "lock",
        Database = "database",
        /// A language model.
        Model = "model",
        /// A queue.
        Messaging = "messaging",
        /// An HTTP server.
        Http = "http",
        /// A remote procedure.
        Rpc = "rpc",
        /// Another client span.
        Client = "client",
        /// Time between the calls of an operation.
        BetweenCalls = "between_calls",
        /// Time in an operation below which nothing is recorded: its own work, or a wait that has no span.
        Itself = "itself",
    }
}
