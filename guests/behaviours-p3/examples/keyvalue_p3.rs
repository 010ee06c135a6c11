//! Does one operation on a bucket, as the query tells it.

use behaviours_p3::query::Query;
use behaviours_p3::{Answer, Request, answer, keyvalue, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let query = Query::of(&request.path());
    let body = request.body().read_all().await?;
    answer::json(&keyvalue::answer(&query, body))
}
