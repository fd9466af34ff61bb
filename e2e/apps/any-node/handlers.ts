// Handlers with types, in a file of their own.
import type { Request, Response } from 'express';

interface Order { id: string; more?: number }

export function show(request: Request<{ id: string }>, response: Response): void {
  const order: Order = { id: request.params.id };
  response.json(order);
}

export class Orders {
  private names: string[] = ['a'];

  async list(request: Request, response: Response): Promise<void> {
    response.json(this.names as string[]);
  }
}
