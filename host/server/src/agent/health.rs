//! Asks instances whether they serve.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use muster_api::{apps::InstanceState, id::InstanceId, settings::HealthCheck};
use muster_engine::{Instance, Refusal, RequestContext};
use tokio::time::{sleep, timeout};

use super::instances::Instances;

/// How long a new instance waits before it is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Asks a new instance until it passes, as often as the check allows failures.
pub(super) async fn first(instance: &Arc<Instance>, check: &HealthCheck) -> Result<(), String> {
    let mut tries = 1;
    loop {
        match ask(instance, check).await {
            Ok(()) => return Ok(()),
            Err(why) if tries >= check.failures => {
                return Err(format!("the health check failed: {why}"));
            }
            Err(_) => sleep(FIRST_PAUSE).await,
        }
        tries += 1;
    }
}

/// Asks a running instance at every interval, and says why it counts as crashed
/// after too many failures in a row. Nothing if it ends before.
pub(super) async fn watch(
    instances: &Instances,
    id: InstanceId,
    instance: Arc<Instance>,
    check: &HealthCheck,
) -> Option<String> {
    let mut failures = 0;
    loop {
        sleep(check.interval.into()).await;
        if !instances.is(id, InstanceState::Running) {
            return None;
        }
        match ask(&instance, check).await {
            Ok(()) => failures = 0,
            Err(why) => {
                failures += 1;
                if failures >= check.failures {
                    let times = format!("the health check failed {failures} times in a row");
                    return Some(format!("{times}: {why}"));
                }
            }
        }
    }
}

async fn ask(instance: &Arc<Instance>, check: &HealthCheck) -> Result<(), String> {
    let request = Request::get(&check.path)
        .header(header::HOST, "health.internal")
        .header(header::USER_AGENT, "muster-health")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let context = RequestContext {
        id: Arc::from("health"),
        tls: false,
    };
    let answer = async {
        let response = match instance.serve(request, &context).await {
            Ok(response) => response,
            // Busy is alive.
            Err(Refusal::Concurrency(_) | Refusal::Full) => return Ok(()),
            Err(refusal) => return Err(refusal.to_string()),
        };
        let status = response.status();
        response
            .into_body()
            .collect()
            .await
            .map_err(|refusal| refusal.to_string())?;
        if status.is_server_error() {
            Err(format!("{} answered {status}", check.path))
        } else {
            Ok(())
        }
    };
    timeout(check.timeout.into(), answer)
        .await
        .unwrap_or_else(|_| {
            Err(format!(
                "{} gave no answer within {}",
                check.path, check.timeout
            ))
        })
}
