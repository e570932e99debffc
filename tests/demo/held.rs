//! A demo that holds, and plain HTTP to it.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// A running `ripcord demo --hold` on a free port.
pub(crate) struct Held {
    child: Child,
    address: String,
    /// Everything that it has printed on the stream with the instructions.
    instructions: String,
    /// Reads the document, which is larger than a pipe; nothing else is read by it.
    document: Option<JoinHandle<String>>,
}

impl Held {
    /// Starts it and waits until it has said what can be done.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ripcord"))
            .args(["demo", "--hold", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_remove("RIPCORD_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        // With a document on standard output the instructions are on the other stream.
        let (document, mut stream): (_, Box<dyn Read>) = if arguments.contains(&"json") {
            let document = std::thread::spawn(move || {
                let mut text = String::new();
                stdout.read_to_string(&mut text).unwrap();
                text
            });
            (Some(document), Box::new(child.stderr.take().unwrap()))
        } else {
            (None, Box::new(stdout))
        };
        let mut instructions = String::new();
        while !instructions.ends_with("/-/ready\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            instructions.push(char::from(byte[0]));
        }
        let rest = instructions.split_once("Serving on http://").unwrap().1;
        let address = rest.split_whitespace().next().unwrap().to_owned();
        Self {
            child,
            address,
            instructions,
            document,
        }
    }

    /// The body of the `curl` command that it has printed.
    pub(crate) fn alert(&self) -> String {
        let rest = self
            .instructions
            .split_once("/api/v1/alerts -d '")
            .unwrap()
            .1;
        rest.split_once('\'').unwrap().0.to_owned()
    }

    /// The whole answer to a GET.
    pub(crate) fn get(&self, path: &str) -> String {
        self.ask("GET", path, None)
    }

    /// The whole answer to a POST.
    pub(crate) fn post(&self, path: &str, body: &str) -> String {
        self.ask("POST", path, Some(body))
    }

    fn ask(&self, method: &str, path: &str, body: Option<&str>) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        if let Some(body) = body {
            write!(request, "content-length: {}\r\n", body.len()).unwrap();
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The names in the table.
    pub(crate) fn incidents(&self) -> Vec<String> {
        let table = self.get("/demo/incidents");
        let lines = table.lines().skip_while(|line| !line.starts_with("NAME"));
        let names = lines
            .skip(1)
            .filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).collect()
    }

    /// Sends a signal and waits for its end: the exit code, and what was on standard output.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let code = self.child.wait().unwrap().code();
        let text = match self.document.take() {
            Some(document) => document.join().unwrap(),
            None => std::mem::take(&mut self.instructions),
        };
        (code, text)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A test that failed half-way must not leave it behind; one that has ended is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
