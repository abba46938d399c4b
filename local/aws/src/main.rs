//! The local AWS as a process: `local-aws [--listen 127.0.0.1:0] [--region R] [--account A] [--until-stdin-closes]`.
//!
//! Its first line of output has its address: set `AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING`,
//! `AWS_ENDPOINT_URL_CLOUDFORMATION`, `AWS_ENDPOINT_URL_SAGEMAKER` and `AWS_ENDPOINT_URL_SSM` to it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use local_aws::{LocalAws, server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { listen, region, account, until_stdin_closes } = Arguments::parse(std::env::args().skip(1))?;
    let listener = TcpListener::bind(listen).await?;
    println!("local AWS: http://{}", listener.local_addr()?);
    let partition = match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("eusc") => "aws-eusc",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        Some(_) | None => "aws",
    };
    let aws = Arc::new(Mutex::new(LocalAws::new(account, region, partition)));
    tokio::select! {
        failure = server::serve(listener, aws) => failure.map(|never| match never {}).map_err(Into::into),
        () = stdin_closed(), if until_stdin_closes => Ok(()),
    }
}

/// Waits for the end of standard input. It also ends when the parent process dies, so this process never outlives it.
async fn stdin_closed() {
    let (closed, closes) = oneshot::channel::<()>();
    // A thread, not a blocking task: the runtime would wait for the task, and standard input may never close.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(closed);
    });
    let _ = closes.await;
}

#[derive(Debug, PartialEq)]
struct Arguments {
    listen: SocketAddr,
    region: String,
    account: String,
    until_stdin_closes: bool,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            region: "us-east-1".to_owned(),
            account: "111122223333".to_owned(),
            until_stdin_closes: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--account" => parsed.account = value()?,
                "--listen" => {
                    let text = value()?;
                    parsed.listen = text.parse().map_err(|error| format!("--listen {text}: {error}"))?;
                }
                "--region" => parsed.region = value()?,
                "--until-stdin-closes" => parsed.until_stdin_closes = true,
                _ => return Err(format!("{argument}: no such argument")),
            }
        }
        // The server checks no signatures, so it accepts connections from this machine only.
        if !parsed.listen.ip().is_loopback() {
            return Err(format!("--listen {}: not a loopback address", parsed.listen));
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn every_argument_is_parsed() {
        let arguments =
            ["--listen", "[::1]:4567", "--region", "eu-west-1", "--account", "999988887777", "--until-stdin-closes"];
        assert_eq!(
            parse(&arguments),
            Ok(Arguments {
                listen: "[::1]:4567".parse().expect("an address"),
                region: "eu-west-1".to_owned(),
                account: "999988887777".to_owned(),
                until_stdin_closes: true,
            })
        );
    }

    #[test]
    fn an_address_that_is_not_loopback_and_an_unknown_argument_are_rejected() {
        for arguments in [&["--listen", "0.0.0.0:80"][..], &["--listen"], &["--listen", "here"], &["--port", "80"]] {
            parse(arguments).unwrap_err();
        }
    }
}
