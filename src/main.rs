//! The command line. Everything it does lives in the library of this package.

fn main() -> std::process::ExitCode {
    spikemesh::main()
}
