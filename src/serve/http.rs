//! `/metrics`, `/livez`, `/readyz`, `/version`: on a thread of its own, so that they answer while the book is still read
//! and while everything else is busy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use super::guard;
use super::health::Health;

#[derive(Clone)]
struct Told {
    health: Arc<Health>,
    metrics: PrometheusHandle,
}

/// Starts to serve; gives the address, with the port that was free where 0 was asked for. Ends with the process.
///
/// # Errors
/// When the address is taken or not ours.
pub(super) fn start(
    address: SocketAddr,
    health: Arc<Health>,
    metrics: PrometheusHandle,
) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let pages = Router::new()
        .route("/metrics", get(metrics_page))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .with_state(Told { health, metrics });
    guard::spawn("http", move || {
        runtime.block_on(async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    if let Err(error) = axum::serve(listener, pages).await {
                        tracing::error!("metrics and health are not served any more: {error}");
                    }
                }
                Err(error) => tracing::error!("metrics and health are not served: {error}"),
            }
        });
    })?;
    Ok(address)
}

async fn metrics_page(State(told): State<Told>) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], told.metrics.render())
}

async fn livez(State(told): State<Told>) -> impl IntoResponse {
    if told.health.lives() {
        (StatusCode::OK, "alive\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the commit thread does not answer\n",
        )
    }
}

async fn readyz(State(told): State<Told>) -> impl IntoResponse {
    let report = told.health.report();
    let status = if report["ready"] == json!(true) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{report}\n"),
    )
}

async fn version() -> impl IntoResponse {
    let version = json!({ "name": "clubswitch", "version": env!("CARGO_PKG_VERSION") });
    (
        [(header::CONTENT_TYPE, "application/json")],
        format!("{version}\n"),
    )
}
