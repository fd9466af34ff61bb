# What a user does first, with whatever `kino` is on the path. VERSION is what it must be.
first_steps() {
    kino --version
    kino --version | grep -qF "kino $VERSION"
    # A program that is traced: it sends one span to where `kino run` points it.
    kino run --label tried -- python3 /try/emit.py
    kino find --json | grep -qF '"root_name":"tried.operation"'
    kino explain tried.operation
    kino stop
}
