//! Outgoing HTTP: denied unless the app's settings name the host, and denied
//! into private networks unless they are granted too.

mod policy;
mod send;

use std::sync::Arc;

use http::{Request, Response, Uri};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

pub use self::policy::{Network, OutboundPolicy};
use self::send::send;
use crate::output::{Output, OutputSink, Stream};

/// The hooks of one request's store.
pub(crate) struct Outbound {
    policy: Arc<OutboundPolicy>,
    output: OutputSink,
    request: Arc<str>,
}

impl Outbound {
    pub(crate) fn new(policy: Arc<OutboundPolicy>, output: OutputSink, request: Arc<str>) -> Self {
        Self {
            policy,
            output,
            request,
        }
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        processed: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<
        dyn Future<
                Output = Result<(
                    Response<WasiBody>,
                    Box<dyn Future<Output = Result<()>> + Send>,
                )>,
            > + Send,
    > {
        drop(processed);
        let (policy, output, id) = (
            Arc::clone(&self.policy),
            Arc::clone(&self.output),
            Arc::clone(&self.request),
        );
        Box::new(async move {
            let target = request.uri().clone();
            send(&policy, request, options).await.inspect_err(|error| {
                if let Some(grant) = missing_grant(error, &target) {
                    output(Output {
                        stream: Stream::Err,
                        request: &id,
                        line: &grant,
                    });
                }
            })
        })
    }
}

/// The log's advice for a refused request.
fn missing_grant(error: &Error, target: &Uri) -> Option<String> {
    let authority = target.authority()?;
    match error {
        Error::HttpRequestDenied => Some(format!(
            "muster: an outgoing request to {authority} was denied; grant it with allow_outbound = [\"{authority}\"]"
        )),
        Error::DestinationIpProhibited => Some(format!(
            "muster: {authority} lies in a private network; grant it with allow_private and the network's CIDR"
        )),
        _ => None,
    }
}
