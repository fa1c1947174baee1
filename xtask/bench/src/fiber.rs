//! Synchronous code on a stack of its own, awaited like any future.
//!
//! The plugin's code is synchronous, and in the gateway it runs on a fiber that is parked
//! while the database works. Its native twin gets the same: a thread for each request, or
//! a hop to one, would make it slower than it needs to be, and our ratio too good.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

thread_local! {
    /// Stacks of finished fibers; mapping a new one costs more than a request.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// The inside of a fiber: where synchronous code waits for a future.
pub(crate) struct Inside<'a> {
    yielder: &'a Yielder<Waker, ()>,
    waker: RefCell<Waker>,
}

impl Inside<'_> {
    /// Parks the fiber until `future` is ready.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            let waker = self.waker.borrow().clone();
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => *self.waker.borrow_mut() = self.yielder.suspend(()),
            }
        }
    }
}

/// Code on a fiber, as a future. It stays on the thread that it began on.
pub(crate) struct Fiber<R>(Option<Coroutine<Waker, (), R, DefaultStack>>);

impl<R: 'static> Fiber<R> {
    pub(crate) fn new(code: impl FnOnce(&Inside<'_>) -> R + 'static) -> Self {
        let stack = STACKS.with_borrow_mut(Vec::pop).unwrap_or_default();
        Self(Some(Coroutine::with_stack(stack, move |yielder, waker| {
            code(&Inside {
                yielder,
                waker: RefCell::new(waker),
            })
        })))
    }
}

impl<R> Future for Fiber<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let Some(coroutine) = &mut self.0 else {
            return Poll::Pending;
        };
        match coroutine.resume(context.waker().clone()) {
            CoroutineResult::Yield(()) => Poll::Pending,
            CoroutineResult::Return(output) => {
                if let Some(done) = self.0.take() {
                    STACKS.with_borrow_mut(|stacks| stacks.push(done.into_stack()));
                }
                Poll::Ready(output)
            }
        }
    }
}
